/** The members of a running council change, when a quorum of their owners wants it. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Change, NewMember } from '../../src/bft/statements.ts'
import { verifyByRoster } from '../../src/council/verify-by-roster.ts'
import { NAMES, TestCouncil } from './kit.ts'
import { until } from './space-kit.ts'

const TIMEOUT = { timeout: 60_000 }
const CRYPTOS = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }

async function running(t: TestContext, names: readonly string[] = NAMES): Promise<TestCouncil> {
  const council = new TestCouncil(names, ['eve', 'fred'])
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  return council
}

function newcomer(council: TestCouncil, id: string): NewMember {
  const publicKey = council.keys.get(id)?.publicKey ?? assert.fail()
  return { id, publicKey, weight: 1, url: `http://127.0.0.1:7${id.length}00` }
}

/** Each of these members agrees; the last answer is given back. */
async function agree(council: TestCouncil, names: readonly string[], change: Change) {
  const answers = await Promise.all(names.map((name) => council.get(name).agree(change, 10_000)))
  return answers.at(-1) ?? assert.fail()
}

test(
  'the members change when a quorum has agreed, and not before; the new one catches up and decides',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    const change: Change = { add: [newcomer(council, 'eve')], remove: [] }
    const eve = await council.start('eve')
    assert.equal(eve.status().standing, 'joining')
    assert.throws(() => eve.open({ question: 'Already?' }), { code: 'COTERIE_COUNCIL_UNREADY' })
    const alone = await council.get('alice').agree(change, 10_000)
    assert.equal(alone.outcome, 'waiting')
    assert.deepEqual(alone.status?.agreed, ['alice'])
    const two = await council.get('bob').agree(change, 10_000)
    assert.deepEqual([two.outcome, two.status?.weight, two.status?.needed], ['waiting', 2, 3])
    const dave = council.get('dave')
    await until(() => dave.members().changes[0]?.agreed.join(' ') === 'alice bob', 10_000)
    // To agree again changes nothing.
    assert.deepEqual((await council.get('bob').agree(change, 10_000)).status?.agreed, ['alice', 'bob'])
    assert.equal(council.get('alice').status().epoch, 0)
    const three = await council.get('carol').agree(change, 10_000)
    assert.deepEqual([three.outcome, three.epoch], ['decided', 1])
    await until(() => eve.status().epoch === 1, 10_000)
    assert.equal(eve.status().standing, 'member')
    const { vote, epoch } = await eve.propose({ question: 'Now?', rule: { type: 'unanimity' } })
    assert.deepEqual([vote.outcome, vote.ballots.length, epoch], ['approve', 5, 1])
  },
)

test('a certificate of a later epoch verifies from the first members alone', TIMEOUT, async (t) => {
  const council = await running(t)
  await council.start('eve')
  const early = await council.get('alice').propose({ question: 'Before?' })
  await agree(council, ['alice', 'bob', 'carol'], { add: [newcomer(council, 'eve')], remove: [] })
  const rest = ['bob', 'carol', 'dave', 'eve']
  await until(() => rest.every((name) => council.get(name).status().epoch === 1), 10_000)
  await agree(council, rest, { add: [], remove: ['alice'] })
  await until(() => council.get('eve').status().epoch === 2, 10_000)
  const late = await council.get('eve').propose({ question: 'After?' })
  assert.equal(late.epoch, 2)
  const { roster } = council
  const newest = council.get('eve').roster()
  assert.equal(newest.changes?.length, 2)
  for (const file of [roster, newest]) {
    for (const certificate of [early, late]) {
      const verdict = verifyByRoster(CRYPTOS, certificate, file)
      assert.ok(verdict.ok, JSON.stringify(verdict))
    }
  }
})

test('who was removed casts no votes any more, and says why', TIMEOUT, async (t) => {
  const council = await running(t, [...NAMES, 'eve'])
  const alice = council.get('alice')
  const waiting = alice.waitFor('bob.99', 50_000)
  const refused = assert.rejects(waiting, { code: 'COTERIE_COUNCIL_LEFT' })
  await agree(council, ['bob', 'carol', 'dave', 'eve'], { add: [], remove: ['alice'] })
  await until(() => alice.status().standing === 'removed', 10_000)
  await refused
  assert.ok(Number(alice.status().removedAt) > 0)
  assert.throws(() => alice.open({ question: 'Still?' }), {
    code: 'COTERIE_COUNCIL_LEFT',
    message: /has removed "alice" with height \d+: it votes no more/,
  })
  const { vote, members } = await council.get('bob').propose({ question: 'Without her?' })
  assert.equal(vote.outcome, 'approve')
  assert.ok(!members.some(({ id }) => id === 'alice'))
  // It stays so when it is started again.
  await council.stop('alice')
  const again = await council.start('alice')
  assert.equal(again.status().standing, 'removed')
})

test(
  'who was removed while it was away learns so when it is back, and nothing beyond',
  TIMEOUT,
  async (t) => {
    const council = await running(t, [...NAMES, 'eve'])
    await council.stop('alice')
    await agree(council, ['bob', 'carol', 'dave', 'eve'], { add: [], remove: ['alice'] })
    await council.get('bob').propose({ question: 'Without her?' })
    const alice = await council.start('alice')
    await until(() => alice.status().standing === 'removed', 20_000)
    const { removedAt } = alice.status()
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.equal(alice.status().height, Number(removedAt) + 1)
  },
)

const WRONG: readonly (readonly [string, (council: TestCouncil) => Change, RegExp])[] = [
  [
    'an id that is there',
    (c) => ({ add: [{ ...newcomer(c, 'eve'), id: 'bob' }], remove: [] }),
    /called "bob"/,
  ],
  [
    'a key that is there',
    (c) => ({
      add: [{ ...newcomer(c, 'eve'), publicKey: c.roster.members[0]?.publicKey ?? '' }],
      remove: [],
    }),
    /a key that is or was there/,
  ],
  ['no address', (c) => ({ add: [{ ...newcomer(c, 'eve'), url: 'ftp://x' }], remove: [] }), /no address/],
  [
    'an address that is taken',
    (c) => ({ add: [{ ...newcomer(c, 'eve'), url: c.roster.members[1]?.url ?? '' }], remove: [] }),
    /another member is reached/,
  ],
  [
    'an agent of a space, among members over HTTP',
    (c) => ({ add: [{ ...newcomer(c, 'eve'), url: 'space:eve' }], remove: [] }),
    /some members would be in a space/,
  ],
  ['one of four leaving', () => ({ add: [], remove: ['dave'] }), /it takes four/],
  ['somebody unknown leaving', () => ({ add: [], remove: ['zoe'] }), /no member/],
  [
    'two at once',
    (c) => ({ add: [newcomer(c, 'eve'), newcomer(c, 'fred')], remove: [] }),
    /more weight than/,
  ],
]

test('nobody can agree to a change that the rules do not allow', TIMEOUT, async (t) => {
  const council = await running(t)
  for (const [what, change, message] of WRONG) {
    const refused = council.get('alice').agree(change(council), 1_000)
    await assert.rejects(refused, { code: 'COTERIE_INVALID_ARGUMENT', message }, what)
  }
})

test('a name that was a member once is not given again', TIMEOUT, async (t) => {
  const council = await running(t, [...NAMES, 'fred'])
  await agree(council, ['alice', 'bob', 'carol', 'dave'], { add: [], remove: ['fred'] })
  const back = { ...newcomer(council, 'eve'), id: 'fred' }
  await assert.rejects(council.get('alice').agree({ add: [back], remove: [] }, 1_000), { message: /"fred"/ })
})

test('an agreement is nothing when the members have changed otherwise', TIMEOUT, async (t) => {
  const council = await running(t)
  const [eve, fred] = [newcomer(council, 'eve'), newcomer(council, 'fred')]
  const first = await council.get('alice').agree({ add: [fred], remove: [] }, 10_000)
  assert.equal(first.outcome, 'waiting')
  await agree(council, ['bob', 'carol', 'dave'], { add: [eve], remove: [] })
  await until(() => council.get('alice').status().epoch === 1, 10_000)
  assert.deepEqual(council.get('alice').members().changes, [])
  const again = await council
    .get('bob')
    .agree({ add: [{ ...fred, url: 'http://10.0.0.1:1' }], remove: [] }, 10_000)
  assert.deepEqual([again.outcome, again.status?.agreed], ['waiting', ['bob']])
})

test(
  'two changes to which all agree at once: one is decided, and nobody is stuck after it',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    const changes = ['eve', 'fred'].map((id) => ({ add: [newcomer(council, id)], remove: [] }))
    const results = await Promise.all(
      NAMES.flatMap((name) => changes.map((change) => council.get(name).agree(change, 15_000))),
    )
    const outcomes = results.filter(({ epoch }) => epoch === 1).map(({ outcome }) => outcome)
    assert.deepEqual(new Set(outcomes), new Set(['decided', 'void']), JSON.stringify(results))
    await until(() => NAMES.every((name) => council.get(name).status().epoch === 1), 10_000)
    for (const name of NAMES) {
      const { vote } = await council.get(name).propose({ question: `${name}?`, timeoutMs: 10_000 })
      assert.equal(vote.outcome, 'approve')
    }
  },
)

/** Who is heard by a replica in a space, and who may ask it: members, each where and as itself. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { agent, on, type Space } from '../../src/index.ts'
import { council, readMemberFolder, spaceCouncil } from '../../src/open-council.ts'
import { mailboxOf } from '../../src/runtime/council/space-handlers.ts'
import { signMail } from '../../src/runtime/council/space-mail.ts'
import { NAMES } from './kit.ts'
import { SpaceCouncil, until } from './space-kit.ts'

const TIMEOUT = { timeout: 120_000 }

async function made(t: TestContext): Promise<SpaceCouncil> {
  const made = await SpaceCouncil.make()
  t.after(() => made.close())
  return made
}

async function running(t: TestContext): Promise<SpaceCouncil> {
  const council = await made(t)
  await council.startAll()
  return council
}

test(
  'who is no member is not heard, and neither is a member that did not sign, or wrote elsewhere',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    const alice = council.get('alice')
    const mallory = agent('mallory', { idle: on({ input: z.null() }, () => null) })
    const stranger = await council.open([mallory])
    const { roster } = council
    const bob = readMemberFolder(`${council.folder}/bob`)
    const dave = readMemberFolder(`${council.folder}/dave`)
    const head = { v: 1, type: 'coterie.council-mail', instance: roster.instance, to: 'alice' } as const
    const rest = { run: '0'.repeat(32), number: 1, texts: ['no message'], part: null }
    const byBob = signMail(nodeCrypto, bob.key, stranger.id, { ...head, ...rest, from: 'bob' })
    const byDave = signMail(nodeCrypto, dave.key, stranger.id, { ...head, ...rest, from: 'bob' })
    const forDave = signMail(nodeCrypto, bob.key, stranger.id, { ...head, ...rest, from: 'bob', to: 'dave' })
    const elsewhere = signMail(nodeCrypto, bob.key, 'another space', { ...head, ...rest, from: 'bob' })
    const bobSpace = council.seated.get('bob')?.space ?? assert.fail()
    const to = mailboxOf('alice-replica')
    // What bob has signed counts when it comes from bob: it is no message, and that is counted against it.
    const post = async (space: Space, name: string, key: string, payload: unknown): Promise<number> => {
      const before = alice.status().refused
      const [said] = await space.voice(name).say([{ to, payload, options: { key } }])
      const id = said?.status === 'fulfilled' ? said.value : assert.fail(JSON.stringify(said))
      await until(async () => (await stranger.receipt(id)).state === 'handled')
      return alice.status().refused - before
    }
    const rejected = (): number | undefined => alice.status().peers.find(({ id }) => id === 'bob')?.rejected
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', byBob), 0)
    assert.equal(rejected(), 1)

    assert.equal(await post(stranger, 'mallory', 'bob', byBob), 1, 'an agent that is no member')
    assert.equal(await post(bobSpace, 'bob-replica', 'dave', byBob), 1, 'the mailbox of another peer')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', byDave), 1, 'signed by another member')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', forDave), 1, 'meant for another member')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', elsewhere), 1, 'signed for another space')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', { ...byBob, texts: ['other'] }), 1, 'changed')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', { ...byBob, more: 1 }), 1, 'malformed')
    assert.equal(await post(bobSpace, 'bob-replica', 'bob', 'nothing'), 1, 'no mail at all')
    assert.equal(rejected(), 1)
    await assert.rejects(
      stranger.send(to, byBob).then((id) => reason(stranger, id)),
      /no error/,
    )
    assert.equal((await alice.propose({ question: 'May we?', timeoutMs: 20_000 })).vote.outcome, 'approve')
  },
)

test('a stray message to the address that a replica speaks from does not silence it', TIMEOUT, async (t) => {
  const council = await running(t)
  const alice = council.get('alice')
  await alice.propose({ question: 'one', timeoutMs: 20_000 })
  const space = council.seated.get('bob')?.space ?? assert.fail()
  const heads = (await space.status()).mailboxes.map(({ address }) => address)
  // Everything that alice's agent has an address for, its voice among them.
  const [key] = heads
    .filter((address) => address.startsWith('alice-replica/0'))
    .map((address) => address.slice('alice-replica/'.length))
  await space.send(mailboxOf('alice-replica'), null, { key: key ?? assert.fail(heads.join(' ')) })
  for (let round = 0; round < 3; round++) {
    const question = { question: `two ${round}`, rule: { type: 'unanimity' } as const, timeoutMs: 20_000 }
    const { vote } = await alice.waitFor(alice.open(question).decision, 6_000)
    assert.equal(vote.outcome, 'approve')
  }
})

test('a member that puts another question than the one it was asked is found out', TIMEOUT, async (t) => {
  const members = await made(t)
  const seats = NAMES.map((id) => members.seat(id))
  const alice = seats[0] ?? assert.fail()
  // What alice's agent is asked, its owner has changed on the way in.
  const ask = alice.agent.handlers['ask'] ?? assert.fail()
  const run = ask.run as (turn: unknown, input: unknown) => unknown
  let change: Readonly<Record<string, unknown>> = {}
  const bent = {
    ...ask,
    run: (turn: unknown, { method, params }: { readonly method: string; readonly params: object }) =>
      run(turn, { method, params: method === 'open' ? { ...params, ...change } : params }),
  }
  const agents = [{ ...alice.agent, handlers: { ...alice.agent.handlers, ask: bent } }]
  const board = spaceCouncil(members.rosterFile)
  const clerk = agent('clerk', {
    ask: on({ input: z.string(), output: z.string(), retry: { attempts: 1 } }, async (turn, question) => {
      const { outcome } = await turn.decide({ by: board, question, timeoutMs: 10_000, otherwise: 'reject' })
      return outcome
    }),
  })
  const others = seats.slice(1).map((seat) => seat.agent)
  const space = await members.open([...agents, ...others, clerk])
  const replicas = await Promise.all(seats.map((seat) => seat.join(space)))
  t.after(() => Promise.all(replicas.map((replica) => replica.close())))
  assert.equal(await space.ask(clerk.ask, 'May we?'), 'approve')
  const self = readMemberFolder(`${members.folder}/alice`).key
  const alone = { member: 'alice', key: self.id, publicKey: self.publicKey }
  for (const [what, one] of [
    ['question', { question: 'May we all go home?' }],
    ['subject', { subject: 'another' }],
    ['options', { options: ['approve', 'reject', 'whatever'] }],
    ['rule', { rule: { type: 'majority', of: 'cast' } }],
    ['otherwise', { otherwise: 'approve' }],
    ['electorate', { electorate: [alone] }],
    ['less time', { timeoutMs: 1_000, rule: undefined }],
  ] as const) {
    change = one
    await assert.rejects(space.ask(clerk.ask, 'May we?'), new RegExp(`${what}|time`), what)
  }
})

test('only the member itself asks its replica for more than a vote', TIMEOUT, async (t) => {
  const council = await made(t)
  await council.start('alice', { mayAsk: (agent) => agent === 'clerk' })
  const stranger = await council.open([])
  const asked = (method: string, params = {}) =>
    stranger.askTo('alice-replica/desk', 'ask', { method, params }, { timeoutMs: 10_000 })
  for (const method of ['status', 'vote', 'hand-in', 'open', 'nonsense'])
    await assert.rejects(asked(method), /may not ask/)
  await assert.rejects(stranger.askTo('alice-replica/desk', 'ask', 7, { timeoutMs: 10_000 }), /no request/)
})

test('only so many wait for certificates of one replica at a time', TIMEOUT, async (t) => {
  const council = await made(t)
  await council.start('alice')
  const { run } = council.seated.get('alice')?.seat.agent.handlers['ask'] ?? assert.fail()
  const wait = run as (turn: unknown, request: unknown) => Promise<unknown>
  const turn = { from: 'clerk', deadline: Date.now() + 60_000 }
  const request = { method: 'wait', params: { decision: 'alice.1' } }
  const waiting = Array.from({ length: 256 }, () => assert.rejects(wait(turn, request)))
  await assert.rejects(Promise.race([wait(turn, request), never()]), { code: 'COTERIE_LIMIT_EXCEEDED' })
  await council.stop('alice')
  await Promise.all(waiting)
})

test('a council over HTTP and one in a space are not taken for each other', TIMEOUT, async (t) => {
  const members = await made(t)
  assert.throws(() => council(`${members.folder}/alice`), { code: 'COTERIE_INVALID_ARGUMENT' })
})

/** Rejects when what is raced against it does nothing. */
function never(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('it waits')), 2_000)
  })
}

async function reason(space: Space, id: string): Promise<never> {
  await until(async () => (await space.receipt(id)).state === 'handled')
  throw new Error(JSON.stringify((await space.receipt(id)).error) ?? 'no error')
}

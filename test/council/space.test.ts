/** A council whose replicas live in one space: it agrees there whatever one of them does, and whoever else writes to it. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { verifyDecisionCertificate, type DecisionCertificate } from '../../src/council/certificate.ts'
import { action, agent, guard, on, type Space } from '../../src/index.ts'
import { council, readMemberFolder, spaceCouncil } from '../../src/open-council.ts'
import { signMail } from '../../src/runtime/council/space-mail.ts'
import { mailboxOf } from '../../src/runtime/council/space-handlers.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'
import { NAMES } from './kit.ts'
import { SpaceCouncil } from './space-kit.ts'

const TIMEOUT = { timeout: 120_000 }
const CRYPTOS = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }
const HONEST = ['alice', 'bob', 'carol']

async function made(t: TestContext, url?: string): Promise<SpaceCouncil> {
  const made = await SpaceCouncil.make(url)
  t.after(() => made.close())
  return made
}

async function running(t: TestContext, url?: string): Promise<SpaceCouncil> {
  const council = await made(t, url)
  await council.startAll()
  return council
}

function assertHolds({ roster }: SpaceCouncil, certificate: DecisionCertificate): void {
  const { instance, epoch, members } = roster
  const verdict = verifyDecisionCertificate(CRYPTOS, certificate, { instance, epoch, members })
  assert.ok(verdict.ok, JSON.stringify(verdict))
}

/** All of these certify the same. */
async function assertAlike(council: SpaceCouncil, names: readonly string[], first: DecisionCertificate) {
  for (const name of names) {
    const own = await council.get(name).waitFor(first.vote.proposal.decision, 20_000)
    assert.deepEqual(own.vote, first.vote)
  }
}

/** Nothing that the protocol said has become a dead letter. */
async function assertNoDeadLetters(space: Space | undefined): Promise<void> {
  assert.deepEqual(await space?.dead(), [])
}

for (const [name, urlOf] of [
  ['SQLite file', async () => undefined],
  [
    'PostgreSQL database',
    async () => {
      const server = await sharedPostgres()
      return server.url(await server.createDatabase())
    },
  ],
] as const) {
  test(
    `four replicas in one ${name}, each in a process of its own, certify a vote, alike`,
    TIMEOUT,
    async (t) => {
      const council = await running(t, await urlOf())
      const certificate = await council.get('alice').propose({ question: 'May we?', timeoutMs: 20_000 })
      assert.equal(certificate.vote.outcome, 'approve')
      assertHolds(council, certificate)
      await assertAlike(council, NAMES, certificate)
      await assertNoDeadLetters(council.seated.get('alice')?.space)
    },
  )
}

test('four replicas in one process certify a vote', TIMEOUT, async (t) => {
  const council = await made(t)
  const seats = NAMES.map((id) => council.seat(id))
  const space = await council.open(seats.map((seat) => seat.agent))
  const replicas = await Promise.all(seats.map((seat) => seat.join(space)))
  t.after(() => Promise.all(replicas.map((replica) => replica.close())))
  const certificate = await replicas[0]?.propose({ question: 'May we?', timeoutMs: 20_000 })
  assert.equal(certificate?.vote.outcome, 'approve')
  await assert.rejects(seats[0]?.join(space) ?? assert.fail(), { code: 'COTERIE_INVALID_ARGUMENT' })
})

for (const kind of ['silent', 'equivocate', 'forge'] as const) {
  test(`three honest replicas in a space decide while the fourth lies: ${kind}`, TIMEOUT, async (t) => {
    const council = await made(t)
    await council.start('dave', council.lyingSeat('dave', kind))
    for (const name of HONEST) await council.start(name)
    for (let round = 0; round < 3; round++) {
      const asker = council.get(HONEST[round] ?? '')
      const certificate = await asker.propose({ question: `May we? ${round}`, timeoutMs: 20_000 })
      assert.equal(certificate.vote.outcome, 'approve')
      assertHolds(council, certificate)
      await assertAlike(council, HONEST, certificate)
    }
    const accused = council
      .get('alice')
      .status()
      .evidence.map(({ culprit }) => culprit)
    assert.ok(
      accused.every((name) => name === 'dave'),
      accused.join(' '),
    )
    if (kind === 'equivocate') assert.deepEqual(accused, ['dave'])
    await assertNoDeadLetters(council.seated.get('alice')?.space)
  })
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
      /undefined/,
    )
    assert.equal((await alice.propose({ question: 'May we?', timeoutMs: 20_000 })).vote.outcome, 'approve')
  },
)

test('a stray message to the address that a replica speaks from does not silence it', TIMEOUT, async (t) => {
  const council = await running(t)
  await council.get('alice').propose({ question: 'one', timeoutMs: 20_000 })
  const space = council.seated.get('bob')?.space ?? assert.fail()
  const heads = (await space.status()).mailboxes.map(({ address }) => address)
  // Everything that alice's agent has an address for, its voice among them.
  const [key] = heads
    .filter((address) => address.startsWith('alice-replica/0'))
    .map((address) => address.slice('alice-replica/'.length))
  await space.send(mailboxOf('alice-replica'), null, { key: key ?? assert.fail(heads.join(' ')) })
  for (let round = 0; round < 3; round++)
    await council
      .get('alice')
      .propose({ question: `two ${round}`, rule: { type: 'unanimity' }, timeoutMs: 20_000 })
})

test(
  'what lies in the mailbox of a replica that is gone is bounded, and expires in silence',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    await council.get('alice').propose({ question: 'one', timeoutMs: 20_000 })
    await council.stop('dave')
    const space = council.seated.get('alice')?.space ?? assert.fail()
    const depth = async (): Promise<number> => {
      const { mailboxes } = await space.status()
      return mailboxes
        .filter(({ address }) => address.startsWith('dave-replica/'))
        .reduce((n, one) => n + one.depth, 0)
    }
    for (let round = 0; round < 8; round++) {
      await council.get('alice').propose({ question: `two ${round}`, timeoutMs: 20_000 })
      assert.ok((await depth()) <= 3 * 16, `${await depth()} mails`)
    }
    assert.ok((await depth()) > 0)
    await until(async () => (await depth()) <= 3, 20_000)
    await until(
      () =>
        council
          .get('alice')
          .status()
          .peers.find(({ id }) => id === 'dave')?.isConnected === false,
    )
    await assertNoDeadLetters(space)
    // It comes back, and is heard again.
    await council.start('dave')
    const rule = { type: 'unanimity' } as const
    assert.equal(
      (await council.get('alice').propose({ question: 'three', rule, timeoutMs: 20_000 })).vote.outcome,
      'approve',
    )
  },
)

test(
  'an agent of the same space lets the council decide, and a guarded action asks it',
  TIMEOUT,
  async (t) => {
    const members = await running(t, undefined)
    const board = spaceCouncil(members.rosterFile)
    const paid: number[] = []
    const pay = guard(
      action('pay', z.object({ cents: z.int() }), ({ cents }: { cents: number }) => paid.push(cents)),
      { risk: () => 'any' as const, ways: { any: { by: 'council', council: board, timeoutMs: 20_000 } } },
    )
    const clerk = agent('clerk', {
      ask: on({ input: z.string(), output: z.string() }, async (turn, question) => {
        const { id, outcome, certificate } = await turn.decide({ by: board, question, timeoutMs: 20_000 })
        assert.equal(certificate.vote.proposal.decision, id)
        return `${id} ${outcome}`
      }),
      pay: on({ input: z.object({ cents: z.int() }) }, (turn, args) => pay(turn, args)),
      nonsense: on({ input: z.null(), retry: { attempts: 1 }, failure: 'continue' }, (turn) =>
        turn.decide({ by: board, question: 'May we?', options: [] }),
      ),
    })
    const space = await members.open([clerk])
    assert.equal(await space.ask(clerk.ask, 'May we?'), 'alice.1 approve')
    await space.ask(clerk.pay, { cents: 5 })
    assert.deepEqual(paid, [5])
    await assert.rejects(space.ask(clerk.nonsense, null), /cannot be put to the council/)
    // The member that is asked first has stopped: the next one is asked.
    await members.get('alice').close()
    assert.match(await space.ask(clerk.ask, 'And now?', { timeoutMs: 50_000 }), /^bob\.\d+ approve$/)
    await assertNoDeadLetters(space)
  },
)

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

test('a text of any length arrives whole, or not at all', TIMEOUT, async (t) => {
  const council = await running(t)
  // A proposal with some of these is longer than any message of a space may be.
  const subject = `${'\u{1F600}"\\'.repeat(8_000)}`
  const asked = Array.from({ length: 8 }, (_, at) =>
    council.get('alice').open({ question: `${at}`, subject }),
  )
  for (const { decision } of asked) {
    const certificate = await council.get('carol').waitFor(decision, 40_000)
    assert.equal(certificate.vote.proposal.subject, subject)
  }
})

test('a council over HTTP and one in a space are not taken for each other', TIMEOUT, async (t) => {
  const council_ = await made(t)
  assert.throws(() => council(`${council_.folder}/alice`), { code: 'COTERIE_INVALID_ARGUMENT' })
})

async function reason(space: Space, id: string): Promise<never> {
  await until(async () => (await space.receipt(id)).state === 'handled')
  throw new Error(String((await space.receipt(id)).error))
}

async function until(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 10) {
    assert.ok(waited < withinMs, `it did not happen within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

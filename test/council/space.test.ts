/** A council whose replicas live in one space: it agrees there whatever one of them does. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { verifyDecisionCertificate, type DecisionCertificate } from '../../src/council/certificate.ts'
import { action, agent, guard, on, type Space } from '../../src/index.ts'
import { spaceCouncil } from '../../src/open-council.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'
import { NAMES } from './kit.ts'
import { SpaceCouncil, until } from './space-kit.ts'

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
    // It comes back while nothing goes on, catches up, and is heard again.
    const dave = await council.start('dave')
    const { height } = council.get('alice').status()
    await until(() => dave.status().height >= height, 20_000)
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

test('a text of any length arrives whole, or not at all', TIMEOUT, async (t) => {
  const council = await running(t)
  // A proposal with some of these is longer than any message of a space may be.
  const subject = '\u{1F600}"\\'.repeat(8_000)
  const asked = Array.from({ length: 8 }, (_, at) =>
    council.get('alice').open({ question: `${at}`, subject }),
  )
  for (const { decision } of asked) {
    const certificate = await council.get('carol').waitFor(decision, 40_000)
    assert.equal(certificate.vote.proposal.subject, subject)
  }
})

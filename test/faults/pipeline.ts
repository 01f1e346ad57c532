/**
 * A pipeline that uses everything a turn can do, for processes that are killed in the middle of it: sends,
 * questions, sleeps, steps with effects outside, streams, a topic with two subscribers, a rollback, a vote.
 *
 *     feeder -> intake/lane -> packer/lane -> ledger/lane
 *                 | asks pricer/n          \-> dead letter after a rollback, for every seventh order
 *                 | publishes "taken" -> audit, stats
 *                 \-> chair -> three voters, for every tenth order
 *
 * @module
 */

import { z } from 'zod'
import { agent, majority, on, topic, vote } from '../../src/index.ts'
import type { AnyAgent, Turn } from '../../src/index.ts'
import type { Receipt, World } from './world.ts'

/** Orders go to this many instances of each keyed agent. */
const LANES = 4
/** Nothing here is meant to be late, however often it is killed. */
const PATIENCE_MS = 600_000
const QUICK = { attempts: 4, firstMs: 2, factor: 2, maxMs: 20 } as const

const receipt = z.object({ run: z.number(), key: z.string() })
const order = z.object({ i: z.number() })
const priced = z.object({ i: z.number(), price: receipt })
const quoted = z.object({ i: z.number(), price: receipt, quote: receipt, luck: z.number() })
const packed = z.object({ i: z.number(), parcel: receipt })
const taken = topic('taken', order)

/** The instance that an order goes to. */
export function laneOfOrder(i: number): string {
  return `lane${i % LANES}`
}

/** True for an order that is rolled back and ends as a dead letter. */
export function isHopeless(i: number): boolean {
  return i % 7 === 3
}

/** True for an order that is put to a vote. */
export function isDecided(i: number): boolean {
  return i % 10 === 0
}

/** A step whose call outside fails the first time. */
function isFlaky(i: number): boolean {
  return i % 6 === 1
}

/** The agents, with the world that their steps act upon. */
export function pipeline(world: World): readonly AnyAgent[] {
  const act = (turn: Turn, step: string, i: number): Promise<Receipt> =>
    turn.step(step, ({ idempotencyKey }) => world.run(step, i, idempotencyKey))

  const ledger = agent('ledger', {
    note: on({ input: packed }, async (turn, { i, parcel }) => {
      const { version } = await turn.read(turn.self)
      turn.append(turn.self, 'shipped', { i, parcel, number: version + 1 })
    }),
  })
  const packer = agent('packer', {
    pack: on({ input: quoted, failure: 'rollback', retry: QUICK }, async (turn, { i }) => {
      const parcel = await turn.step('reserve', (s) => world.run('reserve', i, s.idempotencyKey), {
        undo: (_parcel, s) => void world.run('undo reserve', i, s.idempotencyKey),
      })
      if (isHopeless(i)) throw Object.assign(new Error('it fits in no box'), { retryable: false })
      await turn.step('ship', ({ idempotencyKey }) => {
        const shipped = world.run('ship', i, idempotencyKey)
        if (isFlaky(i) && world.times(idempotencyKey) === 1) throw new Error('the carrier does not answer')
        return shipped
      })
      turn.send(ledger.note, { i, parcel }, { key: laneOfOrder(i) })
    }),
  })
  const pricer = agent('pricer', {
    quote: on({ input: priced, output: receipt }, (turn, { i }) => act(turn, 'quote', i)),
  })
  const { chair, voters } = council()
  const subscribers = ['audit', 'stats'].map((name) =>
    agent(name, {
      see: on({ topic: taken }, (turn, { i }) => turn.append(name, 'seen', { i })),
    }),
  )
  const intake = agent('intake', {
    take: on({ input: order, retry: QUICK }, async (turn, { i }) => {
      const price = await act(turn, 'price', i)
      turn.reason(`order ${i} was priced at ${turn.now()}`)
      const luck = Math.floor(turn.random() * 1_000)
      const quote = await turn.ask(pricer.quote, { i, price }, { key: `n${i % 2}`, timeoutMs: PATIENCE_MS })
      if (i % 5 === 0) await turn.sleep(40)
      turn.publish(taken, { i })
      turn.send(packer.pack, { i, price, quote, luck }, { key: laneOfOrder(i) })
      if (isDecided(i)) turn.send(chair.rule, { i })
    }),
  })
  return [intake, pricer, packer, ledger, chair, ...voters, ...subscribers]
}

function council() {
  const voters = [1, 2, 3].map((n) =>
    agent(`voter${n}`, {
      judge: vote((_turn, { subject }) => ({
        choice: n === 3 && Number(subject) % 20 === 0 ? 'reject' : 'approve',
        reason: `order ${JSON.stringify(subject)} seen by ${n}`,
      })),
    }),
  )
  const chair = agent('chair', {
    rule: on({ input: order, retry: QUICK }, async (turn, { i }) => {
      const decision = await turn.decide({
        question: 'may it be shipped?',
        subject: i,
        electorate: voters.map((voter) => voter.judge),
        rule: majority(),
        timeoutMs: PATIENCE_MS,
      })
      turn.append('rulings', decision.outcome, { i, decision: decision.id })
    }),
  })
  return { chair, voters }
}

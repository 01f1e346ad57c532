/** One log with everything in it, and the ways to spoil it. */
import assert from 'node:assert/strict'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { LogReport } from '../../src/log/log-verifier.ts'
import { makeCertificate } from '../../src/voting/certificate.ts'
import { Space, type Said } from './log.ts'
import { verifyAll } from './verify-log.ts'
import { castBy, proposalOf } from './voting.ts'

/** Where the story's records are. */
export const ASKED = 2
export const WAITING = 3
export const ANSWERED = 4
export const ENDED = 5

/**
 * A client asks alice, who notes a step, asks bob, decides with him, notes an event and answers. A second
 * client's message to bob fails, is retried, dies, and is dropped.
 */
export function story(): Space {
  const space = new Space()
  const [question = ''] = space.send('client/1', [{ to: 'alice', kind: 'ask' }])
  const first = space.chunk(question, [{ t: 'call', i: 0 }])
  const waiting = { epoch: 1, journal: [first], reads: [{ stream: 'ledger', version: 0 }] }
  const [inner = ''] = space.turn(question, 'waiting', waiting, [{ to: 'bob', kind: 'ask' }])
  const reply = { to: 'alice', kind: 'reply', re: inner, body: '"yes"' } as const
  const [answer = ''] = space.turn(
    inner,
    'handled',
    { epoch: 1, events: [space.event('ledger', { paid: 5 })] },
    [reply],
  )
  const second = space.chunk(question, [{ t: 'done', i: 0 }])
  const proposal = proposalOf(2, { space: space.id, decision: 'dec_1' })
  const ballots = ['alice', 'bob'].map((member) => castBy(member, proposal, 'yes'))
  const certificate = canonicalize(makeCertificate(crypto, proposal, ballots, 9))
  const hash = crypto.sha256(certificate)
  space.turn(
    question,
    'handled',
    {
      decisions: [{ id: 'dec_1', sha256: hash }],
      epoch: 2,
      events: [
        space.event('ledger', { paid: 7 }),
        space.event('ledger', { paid: 9 }),
        space.event('other', 1),
      ],
      journal: [second],
      reads: [
        { stream: 'ledger', version: 1 },
        { stream: '@agents', version: 2 },
      ],
      settles: [{ as: 'handled', id: answer }],
    },
    [{ to: 'client/1', kind: 'reply', re: question }],
  )
  space.decisions.push({ id: 'dec_1', hash, certificate, position: space.position })
  space.leave(answer, 'handled')
  const [last = ''] = space.send('client/2', [{ to: 'bob', trace: 'b'.repeat(32) }])
  space.turn(last, 'retry')
  space.turn(last, 'dead')
  space.write({ author: 'client/2', kind: 'settle', settles: [{ as: 'cancelled', id: last }] })
  space.leave(last, 'cancelled')
  return space
}

/** The fault of a log that must have one. */
export function faultOf(report: LogReport): {
  readonly position: number
  readonly author: string
  readonly reason: string
} {
  assert.equal(report.ok, false)
  assert.ok(report.fault)
  assert.ok(report.faults >= 1)
  return report.fault
}

/** A spoiled story must be found out, at the position and for the reason. */
export function spoiled(spoil: (space: Space) => void, position: number, reason: RegExp): void {
  const space = story()
  spoil(space)
  const fault = faultOf(verifyAll(space))
  assert.match(fault.reason, reason)
  assert.equal(fault.position, position)
  assert.equal(fault.author, space.records[position]?.author)
}

/** Writes one more record to the story; the log must be refused for it. */
export function refused(said: Said | ((space: Space) => Said), reason: RegExp): void {
  const space = story()
  space.write(typeof said === 'function' ? said(space) : said)
  const fault = faultOf(verifyAll(space))
  assert.match(fault.reason, reason)
  assert.equal(fault.position, space.position)
}

/** Changes an item of a list. */
export function change<T>(items: T[], index: number, with_: Partial<T>): void {
  const item = items[index]
  assert.ok(item !== undefined)
  items[index] = { ...item, ...with_ }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonicalize } from '../../src/core/json.ts'
import type { Json } from '../../src/core/json.ts'
import { envelopeText } from '../../src/core/message.ts'
import type { Envelope } from '../../src/core/message.ts'
import { recordText } from '../../src/core/record.ts'
import type { RecordBody } from '../../src/core/record.ts'

const time = fc.integer({ min: 0, max: 2 ** 45 })
const count = fc.nat(1_000_000)
const hash = fc.stringMatching(/^[0-9a-f]{64}$/)
const id = fc.stringMatching(/^(msg|turn|dec)_[0-9A-Z]{26}$/)
// What a person may choose: quotes, backslashes, any script, characters beyond the first plane.
const chosen = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/)
const address = fc.oneof(
  name,
  fc.tuple(name, chosen).map(([agent, key]) => `${agent}/${key}`),
)
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(value, { maxLength: 4 })
const hashed = fc.record({ id, sha256: hash })

const envelope: fc.Arbitrary<Envelope> = fc.record({
  cause: fc.option(id),
  correlation: chosen,
  deadline: fc.option(time),
  dueAt: fc.option(time),
  failed: fc.boolean(),
  from: address,
  handler: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/),
  id,
  key: fc.option(chosen),
  kind: fc.constantFrom('send', 'ask', 'reply', 'topic'),
  payload: fc.record({ bytes: count, sha256: hash }),
  re: fc.option(id),
  sentAt: time,
  space: hash,
  to: address,
  topic: fc.option(name),
  trace: fc.stringMatching(/^[0-9a-f]{32}$/),
  v: fc.constant(1 as const),
})

const body: fc.Arbitrary<RecordBody> = fc.record(
  {
    agents: some(
      fc.record({
        handlers: some(fc.record({ name, topic: fc.option(name) })),
        key: hash,
        name,
        publicKey: fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      }),
    ),
    at: time,
    author: address,
    cancels: fc.oneof(id, chosen),
    decisions: some(hashed),
    detail: hash,
    epoch: count,
    events: some(fc.record({ sha256: hash, stream: chosen, type: chosen, version: count })),
    journal: some(hash),
    key: hash,
    kind: fc.constantFrom('genesis', 'agents', 'turn', 'send', 'settle', 'cancel'),
    prev: fc.oneof(hash, fc.constant('')),
    reads: some(fc.record({ stream: chosen, version: count })),
    revokes: some(fc.record({ key: hash, reason: chosen })),
    sends: some(hashed),
    seq: count,
    settles: some(fc.record({ as: fc.constantFrom('handled', 'expired', 'cancelled', 'queued'), id })),
    space: hash,
    trace: fc.stringMatching(/^[0-9a-f]{32}$/),
    turn: fc.record({
      attempt: count,
      end: fc.constantFrom('handled', 'waiting', 'retry', 'dead', 'expired', 'cancelled'),
      id,
      message: hashed,
      segment: count,
    }),
    v: fc.constant(1 as const),
  },
  { requiredKeys: ['at', 'author', 'key', 'kind', 'prev', 'seq', 'space', 'v'] },
)

test('an envelope put together by hand is the canonical form of RFC 8785', () => {
  fc.assert(fc.property(envelope, (e) => assert.equal(envelopeText(e), canonicalize(e as unknown as Json))))
})

test('a record put together by hand is the canonical form of RFC 8785', () => {
  fc.assert(fc.property(body, (b) => assert.equal(recordText(b), canonicalize(b as unknown as Json))))
})

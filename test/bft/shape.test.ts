import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Message } from '../../src/bft/messages.ts'
import { parseMessage, readMessage } from '../../src/bft/shape.ts'
import type { Json } from '../../src/core/json.ts'
import { Kit } from './council-kit.ts'

const kit = new Kit(4, { real: true })
const operation = kit.operation(0, 1)
const proposal = kit.proposal(1, 1, kit.value([operation]), [kit.nullification(0)])
const status = kit.sign(0, {
  type: 'status',
  instance: 'x',
  from: 'm00',
  height: 3,
  view: 0,
  nonce: '',
} as const)
const fetch = kit.sign(0, {
  type: 'fetch',
  instance: 'x',
  from: 'm00',
  wanted: { kind: 'decisions', first: 1, last: 16 },
} as const)
const complaint = kit.sign(0, { type: 'complaint', ...kit.place(0), leader: 'm01' } as const)

const MESSAGES: readonly Message[] = [
  { type: 'proposal', proposal },
  { type: 'vote', vote: kit.notarize(0, 'p', 'v') as Extract<Message, { type: 'vote' }>['vote'] },
  { type: 'vote', vote: kit.nullify(0) as Extract<Message, { type: 'vote' }>['vote'] },
  { type: 'certificate', certificate: kit.nullification(0) },
  { type: 'complaint', complaint },
  { type: 'operation', operation },
  { type: 'status', status, proof: kit.finalization(proposal) },
  { type: 'fetch', fetch },
  {
    type: 'reply',
    decisions: [kit.decision(proposal)],
    certificates: [kit.nullification(0)],
    proposals: [proposal],
  },
]

for (const message of MESSAGES) {
  test(`a message of the type "${message.type}" is read as it was sent`, () => {
    assert.deepEqual(readMessage(JSON.parse(JSON.stringify(message))), message)
  })

  test(`a message of the type "${message.type}" with any member missing, added or of another kind is none`, () => {
    for (const [path, changed] of spoiled(message)) assert.equal(readMessage(changed), undefined, path)
  })
}

/** Copies of a value, each with one object in it that lacks a member, has one too many, or a wrong one. */
function spoiled(value: unknown, path = ''): readonly (readonly [path: string, value: unknown])[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) {
    return value.flatMap((item, at) =>
      spoiled(item, `${path}/${at}`).map(([to, changed]) => [to, value.with(at, changed)] as const),
    )
  }
  const record = value as Record<string, unknown>
  // What an application is given may be any JSON.
  const keys = Object.keys(record).filter((key) => key !== 'payload')
  const found: (readonly [string, unknown])[] = [[`${path}/+`, { ...record, extra: 1 }]]
  for (const key of keys) {
    const { [key]: _, ...without } = record
    found.push([`${path}/-${key}`, without], [`${path}/${key}`, { ...record, [key]: { odd: true } }])
    for (const [to, changed] of spoiled(record[key], `${path}/${key}`))
      found.push([to, { ...record, [key]: changed }])
  }
  return found
}

const vote = { ...kit.notarize(0, 'p', 'v') }
const HOSTILE: readonly (readonly [what: string, value: unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'vote'],
  ['a list', [{ type: 'vote', vote }]],
  ['a height of zero', { type: 'vote', vote: { ...vote, height: 0 } }],
  ['a height below zero', { type: 'vote', vote: { ...vote, height: -1 } }],
  ['a height with a fraction', { type: 'vote', vote: { ...vote, height: 1.5 } }],
  ['a height beyond what is exact', { type: 'vote', vote: { ...vote, height: 2 ** 53 } }],
  ['a view beyond the last', { type: 'vote', vote: { ...vote, view: 2 ** 31 } }],
  ['a place beyond the largest council', { type: 'vote', vote: { ...vote, sender: 64 } }],
  ['a signature with padding', { type: 'vote', vote: { ...vote, signature: `${vote.signature}==` } }],
  [
    'a signature with another spelling',
    { type: 'vote', vote: { ...vote, signature: `${vote.signature.slice(0, -1)}B` } },
  ],
  ['a lone surrogate', { type: 'vote', vote: { ...vote, instance: '\ud800' } }],
  ['a member called __proto__', JSON.parse('{"type":"vote","__proto__":{},"vote":{}}')],
  ['a getter', Object.defineProperty({ type: 'vote' }, 'vote', { get: () => vote, enumerable: true })],
  [
    'a class',
    new (class {
      type = 'vote'
    })(),
  ],
]

test('hostile values are no messages', () => {
  for (const [what, value] of HOSTILE.filter(([name]) => name !== 'a getter')) {
    assert.equal(readMessage(value), undefined, what)
  }
})

test('what was read does not change when the sender changes its object', () => {
  const mine = { type: 'vote', vote: { ...vote } }
  const read = readMessage(mine)
  mine.vote.height = 99
  assert.equal(read?.type === 'vote' ? read.vote.height : 0, 1)
})

test('a message that is too large, or too deep, is none', () => {
  const large = Array.from({ length: 160 }, (_, at) => {
    return kit.operation(0, at + 1, { kind: 'application', payload: 'x'.repeat(60_000) })
  })
  assert.equal(readMessage({ type: 'proposal', proposal: kit.proposal(1, 0, kit.value(large)) }), undefined)
  assert.notEqual(
    readMessage({ type: 'proposal', proposal: kit.proposal(1, 0, kit.value(large.slice(100))) }),
    undefined,
  )
  let deep: unknown = 1
  for (let i = 0; i < 100; i++) deep = [deep]
  const body = { kind: 'application', payload: deep }
  assert.equal(readMessage({ type: 'operation', operation: { ...operation, body } }), undefined)
})

test('an operation with a payload that is too large is none, alone or in a proposal', () => {
  const large = kit.operation(0, 1, { kind: 'application', payload: 'x'.repeat(64 * 1024) })
  const fits = kit.operation(0, 1, { kind: 'application', payload: 'x'.repeat(64 * 1024 - 2) })
  assert.notEqual(readMessage({ type: 'operation', operation: fits }), undefined)
  assert.equal(readMessage({ type: 'operation', operation: large }), undefined)
  const carrier = kit.proposal(1, 0, kit.value([large]))
  assert.equal(readMessage({ type: 'proposal', proposal: carrier }), undefined)
})

test('a payload that fits into an operation fits into all that carries it', () => {
  let deep: Json = 1
  for (let i = 0; i < 48; i++) deep = [deep]
  const carrying = (payload: Json): readonly (Message | undefined)[] => {
    const operation = kit.operation(0, 1, { kind: 'application', payload })
    const value = kit.value([operation])
    const proposal = kit.proposal(1, 0, value)
    const reply = {
      type: 'reply',
      decisions: [kit.decision(proposal)],
      certificates: [],
      proposals: [proposal],
    } as const
    return [{ type: 'operation', operation } as const, { type: 'proposal', proposal } as const, reply].map(
      (message) => parseMessage(JSON.stringify(message)),
    )
  }
  assert.ok(!carrying(deep).includes(undefined))
  assert.deepEqual(new Set(carrying([deep])), new Set([undefined]))
})

test('what is read from a text is what is read from its value, whatever its numbers and names are', () => {
  const texts = MESSAGES.map((message) => JSON.stringify(message))
  const spoilt = texts.flatMap((text) => [
    text.replace(/"height":1/, '"height":1e400'),
    text.replace(/"view":0/, '"view":-0'),
    text.replace(/"view":0/, '"view":0.5'),
    text.replace(/"expires":0/, '"expires":-0'),
    text.replace(/"payload":[^}]*/, '"payload":{"__proto__":1}'),
    text.replace(/"payload":[^}]*/, '"payload":-0'),
    text.replace(/"payload":[^}]*/, '"payload":"\\ud800"'),
    text.slice(1),
  ])
  let refused = 0
  for (const text of [...texts, ...spoilt]) {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      value = undefined
    }
    const read = readMessage(value)
    assert.deepEqual(parseMessage(text), read, text)
    if (read === undefined) refused += 1
  }
  assert.ok(refused > 20 && refused <= spoilt.length, String(refused))
})

test('whatever comes, reading does not throw', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withObjectString: true }), (value) => {
      readMessage(value)
      readMessage({ type: 'vote', vote: value })
    }),
    { numRuns: 300 },
  )
})

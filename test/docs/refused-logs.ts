/** The ways in which the log of the vectors must be refused, and the few in which it must not. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { turnOf } from '../../src/core/ids.ts'
import { recordText, type RecordBody } from '../../src/core/record.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'
import { recordHash, signBatch } from '../../src/log/seal.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import type { LogRecord } from '../../src/ports/store.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, type Said, type Space } from '../helpers/log.ts'
import { AT, logOf, story } from './log-vectors.ts'

/** One change of a document: `path` is a JSON pointer; `-` at its end is the place behind the last element. */
export interface Change {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: string
  readonly value?: unknown
}

/** A log that differs from the good one. `position`: of the first fault, in the reference implementation. */
interface Variant {
  readonly name: string
  readonly changes: readonly Change[]
  readonly position?: number
}

/** The document with the changes made. */
export function changed<T>(document: T, changes: readonly Change[]): T {
  const copy = structuredClone(document)
  for (const { op, path, value } of changes) {
    const keys = path.split('/').slice(1)
    const last = keys.pop() ?? ''
    let at: unknown = copy
    for (const key of keys) at = (at as Record<string, unknown>)[key]
    if (!Array.isArray(at)) (at as Record<string, unknown>)[last] = value
    else if (op === 'remove') at.splice(Number(last), 1)
    else if (op === 'add') at.splice(last === '-' ? at.length : Number(last), 0, value)
    else at[Number(last)] = value
  }
  return copy
}

/** `log.json` */
export function logVectors(): object {
  const space = story()
  const log = logOf(space)
  return {
    about: 'A whole log: docs/reference/formats.md#verifying-a-log',
    space: space.id,
    owner: keyPairOf(OWNER).publicKey,
    checked: {
      records: log.records.length,
      messages: log.messages.length,
      events: log.events.length,
      chunks: log.chunks.length,
      decisions: log.decisions.length,
    },
    log,
    accepted: accepted(space),
    refused: [...tampered(space), ...wellSigned(space), ...ofOthers(space), ...contents(space)],
  }
}

function replace(path: string, value: unknown): Change {
  return { op: 'replace', path, value }
}

function append(kind: string, value: unknown): Change {
  return { op: 'add', path: `/${kind}/-`, value }
}

function accepted(space: Space): readonly Variant[] {
  const { next } = unlisted(space)
  const end = space.records.length
  const owner = keyPairOf('@owner 2')
  const body = space.body({
    author: OWNER,
    kind: 'agents',
    key: owner.id,
    revokes: [{ key: keyPairOf('alice').id, reason: 'the laptop was stolen' }],
  })
  return [
    { name: 'a detail that was erased', changes: [replace(`/records/${AT.batch + 1}/detail`, null)] },
    { name: 'a signed journal chunk that no record lists yet', changes: [append('chunks', next)] },
    {
      name: 'a journal chunk that no record lists, signed with a key that was revoked since',
      changes: [append('chunks', next), append('records', sealText(recordText(body), body, end, owner))],
    },
  ]
}

/** Bytes that were changed after they were signed. */
function tampered(space: Space): readonly Variant[] {
  const record = (at: number): LogRecord => {
    const found = space.records[at]
    if (found === undefined) throw new Error(`there is no record ${at}`)
    return found
  }
  const one = AT.batch
  const { body, proof } = record(one)
  const later = String(Number(/"at":(\d+)/.exec(body)?.[1]) + 1)
  const [sibling = '', ...rest] = proof.path
  const flipped = (sibling.startsWith('0') ? '1' : '0') + sibling.slice(1)
  const bare = crypto.sign(keyPairOf('bob').privateKey, utf8(record(AT.batch + 2).hash))
  const at = (position: number, field: string, value: unknown): Change[] => [
    replace(`/records/${position}/${field}`, value),
  ]
  return [
    {
      name: 'a body that was changed',
      position: one,
      changes: at(one, 'body', body.replace(/"at":\d+/, `"at":${later}`)),
    },
    { name: 'a hash that is not that of the body', position: one, changes: at(one, 'hash', record(5).hash) },
    {
      name: 'an audit path with another step',
      position: one,
      changes: at(one, 'proof/path', [flipped, ...rest]),
    },
    { name: 'an audit path that lacks a step', position: one, changes: at(one, 'proof/path', rest) },
    { name: 'the place of another record of the batch', position: one, changes: at(one, 'proof/index', 1) },
    {
      name: 'the proof of another record of the batch',
      position: one,
      changes: at(one, 'proof', record(5).proof),
    },
    { name: 'a batch of another size', position: one, changes: at(one, 'proof/size', 2) },
    {
      name: 'the signature of another batch',
      position: one,
      changes: at(one, 'proof/signature', record(8).proof.signature),
    },
    { name: 'a signature of the bare root', position: 6, changes: at(6, 'proof/signature', bare) },
    { name: 'a column that differs from the body', position: one, changes: at(one, 'author', 'alice/b') },
    {
      name: 'another detail than was signed',
      position: 5,
      changes: at(5, 'detail', '{"reasons":["was told to"]}'),
    },
    { name: 'a detail where none was signed', position: one, changes: at(one, 'detail', '{"note":"x"}') },
    { name: 'a record that is missing', position: 6, changes: [{ op: 'remove', path: '/records/5' }] },
    { name: 'a log without its genesis', position: 1, changes: [{ op: 'remove', path: '/records/0' }] },
  ]
}

/** A record that its author signed, and that is refused all the same. It follows the end of the log. */
function wellSigned(space: Space): readonly Variant[] {
  const end = space.records.length
  const next = (said: Said): RecordBody => space.body(said)
  const [asked, noted] = space.messages
  const turn = (id = '', hash = '') => {
    return { attempt: 1, end: 'handled' as const, id: turnOf(id), message: { id, sha256: hash }, segment: 0 }
  }
  const alice = { author: 'alice/a', kind: 'send', epoch: 2 } as const
  const variant = (name: string, body: RecordBody, key?: KeyPair, text = recordText(body)): Variant => {
    const value = sealText(text, body, end, key ?? space.keyOf(body.author))
    return { name, position: end, changes: [append('records', value)] }
  }
  const fork = { ...next(alice), seq: 1, prev: space.records[AT.batch]?.hash ?? '' }
  const genesis = { ...next({ ...alice, kind: 'genesis' }), space: '' }
  const published = space.messages.find(({ envelope }) => envelope.kind === 'topic')
  return [
    variant('a number that its author has used: two different records, proof of a cheat', fork),
    variant('a number that leaves one out', { ...next(alice), seq: 3 }),
    variant('another previous record', { ...next(alice), prev: space.records[0]?.hash ?? '' }),
    variant('another space', next({ ...alice, space: 'f'.repeat(64) })),
    variant('an older epoch than the record before', next({ ...alice, epoch: 1 })),
    variant(
      'a read of a version that the stream was not at',
      next({ ...alice, reads: [{ stream: 'ledger', version: 1 }] }),
    ),
    variant(
      'an event that is not the next of its stream',
      next({ ...alice, events: [{ sha256: 'a'.repeat(64), stream: 'ledger', type: 'noted', version: 3 }] }),
    ),
    variant(
      'a body that is not canonical',
      next(alice),
      undefined,
      `${recordText(next(alice)).slice(0, -1)} }`,
    ),
    variant('a member twice', next(alice), undefined, recordText(next(alice)).replace('{', '{"at":1,')),
    variant('an unknown member', next(alice), undefined, recordText(next(alice)).replace(/}$/, ',"w":1}')),
    variant('a fraction', next(alice), undefined, recordText(next(alice)).replace(/"at":\d+/, '"at":0.5')),
    variant(
      'a trace with a quotation mark',
      next(alice),
      undefined,
      recordText(next(alice)).replace(/,"v":1}$/, ',"trace":"a\\"b","v":1}'),
    ),
    variant('a trace that is none', next({ ...alice, trace: 'yesterday' })),
    variant(
      'a decision whose id is none',
      next({ ...alice, decisions: [{ id: 'decision', sha256: '0'.repeat(64) }] }),
    ),
    variant('a cancel of everything', next({ ...alice, kind: 'cancel', cancels: 'everything' })),
    variant('a genesis that is not the first record', genesis),
    variant(
      'agents named by another than the owner',
      next({ ...alice, kind: 'agents', agents: [entryOf('mallory')] }),
    ),
    variant(
      'agents named in a record of another kind',
      next({ author: OWNER, kind: 'send', agents: [entryOf('mallory')] }),
    ),
    variant('a turn without a turn', next({ ...alice, kind: 'turn' })),
    variant(
      'a turn that handles what was sent to another',
      next({ ...alice, kind: 'turn', turn: turn(published?.envelope.id, published?.hash) }),
    ),
    variant(
      'a turn that handles another text than was sent',
      next({ ...alice, kind: 'turn', turn: turn(asked?.envelope.id, 'a'.repeat(64)) }),
    ),
    variant(
      'a turn of a message that was handled',
      next({ author: 'alice/b', kind: 'turn', epoch: 2, turn: turn(noted?.envelope.id, noted?.hash) }),
    ),
    variant(
      'a turn of a message that nobody sent',
      next({ ...alice, kind: 'turn', turn: turn('msg_0', 'a'.repeat(64)) }),
    ),
    variant(
      'a settled message that nobody sent',
      next({ ...alice, kind: 'settle', settles: [{ as: 'handled', id: 'msg_0' }] }),
    ),
    variant(
      'a message that an earlier record sent',
      next({ ...alice, sends: [{ id: asked?.envelope.id ?? '', sha256: 'a'.repeat(64) }] }),
    ),
    variant(
      'a message that the store does not have',
      next({ ...alice, sends: [{ id: 'msg_0', sha256: 'a'.repeat(64) }] }),
    ),
  ]
}

/** Records that are signed with a key that did not count there. */
function ofOthers(space: Space): readonly Variant[] {
  const end = space.records.length
  const by = (name: string, said: Said, key: KeyPair): Variant => {
    const body = space.body({ ...said, key: key.id })
    return { name, position: end, changes: [append('records', sealText(recordText(body), body, end, key))] }
  }
  const agents = { author: OWNER, kind: 'agents', agents: [entryOf('mallory')] } as const
  return [
    by('a key that was revoked', { author: 'carol', kind: 'send' }, keyPairOf('carol')),
    by('a key that was replaced', { author: 'bob', kind: 'send' }, keyPairOf('bob')),
    by('a key of another agent', { author: 'alice/a', kind: 'send' }, keyPairOf('bob 2')),
    by('a key that nobody has', { author: 'alice/a', kind: 'send' }, keyPairOf('mallory')),
    by('the owner by the key that it gave up', agents, keyPairOf(OWNER)),
    by('the owner by the key of an agent', agents, keyPairOf('alice')),
    by(
      'a key that was revoked is given again',
      { author: OWNER, kind: 'agents', agents: [entryOf('carol')] },
      keyPairOf('@owner 2'),
    ),
    by(
      'a key of one agent is given to another',
      { author: OWNER, kind: 'agents', agents: [entryOf('mallory', keyPairOf('alice'))] },
      keyPairOf('@owner 2'),
    ),
    by(
      'a key whose id is not that of its bytes',
      { author: OWNER, kind: 'agents', agents: [{ ...entryOf('mallory'), key: 'a'.repeat(40) }] },
      keyPairOf('@owner 2'),
    ),
  ]
}

/** What stands beside the records. */
function contents(space: Space): readonly Variant[] {
  const { next, other } = unlisted(space)
  const cause = space.messages[4]
  const [event] = space.events.get('notes') ?? []
  const [decision] = space.decisions
  const text = space.messages[1]?.text ?? ''
  const renamed = text.replace('"correlation":"c"', '"correlation":"d"')
  return [
    {
      name: 'a payload that was changed',
      position: 2,
      changes: [replace('/messages/1/payload', '{"text":"other"}')],
    },
    { name: 'an envelope that was changed', position: 2, changes: [replace('/messages/1/text', renamed)] },
    {
      name: 'an envelope that was changed together with its hash',
      position: 2,
      changes: [replace('/messages/1/text', renamed), replace('/messages/1/hash', crypto.sha256(renamed))],
    },
    { name: 'a message that is missing', position: 2, changes: [{ op: 'remove', path: '/messages/0' }] },
    {
      name: 'a message that is there twice',
      position: 2,
      changes: [{ op: 'add', path: '/messages/0', value: logOf(space).messages[0] }],
    },
    {
      name: 'a message at the position of another record',
      position: 4,
      changes: [replace('/messages/4/position', 5)],
    },
    {
      name: 'an event that was changed',
      position: event?.position ?? 0,
      changes: [replace('/events/0/data', '"two"')],
    },
    { name: 'an event that is missing', position: 11, changes: [{ op: 'remove', path: '/events/3' }] },
    {
      name: 'a journal chunk that was changed',
      position: 4,
      changes: [
        replace(
          '/chunks/0/text',
          space.chunks.get(cause?.envelope.cause ?? '')?.[0]?.text.replace('fine', 'evil'),
        ),
      ],
    },
    { name: 'a journal chunk that is missing', position: 11, changes: [{ op: 'remove', path: '/chunks/1' }] },
    {
      name: 'an event of a stream that no record lists',
      changes: [append('events', { ...event, stream: 'other' })],
    },
    {
      name: 'a journal of a turn whose message no record sent',
      changes: [append('chunks', { ...next, turn: 'turn_9', chunk: 0 })],
    },
    { name: 'a journal chunk that another agent signed', changes: [append('chunks', other)] },
    {
      name: 'a certificate that was changed',
      position: 11,
      changes: [replace('/decisions/0/certificate', decision?.certificate.replace('"yes":2', '"yes":3'))],
    },
    {
      name: 'a certificate that is missing',
      position: 11,
      changes: [{ op: 'remove', path: '/decisions/0' }],
    },
  ]
}

/** A chunk that the turn of the story could go on with, and the same signed by another agent. */
function unlisted(space: Space): { next: object; other: object } {
  const chunks = [...space.chunks.values()].flat()
  const last = chunks.at(-1)
  if (last === undefined) throw new Error('the story has no journal')
  const body = {
    author: 'alice/a',
    chunk: 2,
    entries: [],
    prev: last.hash,
    space: space.id,
    turn: last.turn,
    v: 1,
  }
  const text = JSON.stringify(body)
  const bytes = preAuthEncoding(PAYLOAD_TYPES.journal, utf8(text))
  const chunk = { turn: last.turn, chunk: 2, text, hash: crypto.sha256(text) }
  const signed = (name: string): object => {
    return { ...chunk, signature: crypto.sign(keyPairOf(name).privateKey, bytes) }
  }
  return { next: signed('alice'), other: signed('bob 2') }
}

/** A record with any text, well signed by a key. */
function sealText(text: string, body: RecordBody, position: number, key: KeyPair): LogRecord {
  const hash = recordHash(crypto, text)
  const [proof] = signBatch(crypto, [{ hash, key }])
  if (proof === undefined) throw new Error('nothing was signed')
  const { author, seq, prev } = body
  return { position, author, seq, prev, hash, body: text, detail: null, proof }
}

/** One small log with everything in it, and the ways in which it must be refused. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { turnOf } from '../../src/core/ids.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { TurnEnd } from '../../src/core/record.ts'
import { hashRecord } from '../../src/log/seal.ts'
import type { MessageRow } from '../../src/ports/store.ts'
import { makeCertificate } from '../../src/voting/certificate.ts'
import { majority } from '../../src/voting/rule.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, seal, Space, type Said, type Sent } from '../helpers/log.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

/** The decision of the log. */
const DECISION = 'dec_00000000000000000000000001'

/** Where the records of the story are. */
export const AT = {
  agents: 1,
  asked: 2,
  batch: 4,
  bobRotated: 8,
  bobAnswered: 9,
  ownerRotated: 10,
  ended: 11,
  retried: 12,
  dead: 13,
  dropped: 14,
  cancelled: 15,
  carolRevoked: 16,
} as const

const NEWS = 'news'

interface Part {
  readonly author: string
  readonly said: Partial<Said>
  readonly sent?: readonly Sent[]
  readonly detail?: string
}

/** The log. Positions are those of {@link AT}. */
export function story(): Space {
  const space = new Space([
    entryOf('alice', keyPairOf('alice'), [
      { name: 'note', topic: null },
      { name: 'review', topic: null },
    ]),
    entryOf('bob', keyPairOf('bob'), [{ name: 'judge', topic: null }]),
    entryOf('carol', keyPairOf('carol'), [{ name: 'hear', topic: NEWS }]),
    entryOf('client'),
  ])
  batch(space, [
    {
      author: 'client/1',
      said: { kind: 'send' },
      sent: [
        { to: 'alice/a', kind: 'ask', handler: 'review', deadline: 1_700_000_030_000, key: 'order 7' },
        { to: 'alice/b', handler: 'note', body: '{"text":"\u00e9\u20ac","weight":0.5}' },
        { to: 'alice/b', handler: 'note', correlation: 'second' },
      ],
    },
    {
      author: 'client/2',
      said: { kind: 'send' },
      sent: [{ to: 'bob', handler: 'judge', trace: 'b'.repeat(32) }],
    },
  ])
  const [question, noted, second, other] = ids(space)
  firstBatch(space, question, noted, second, other)
  const bobs = keyPairOf('bob 2')
  space.write({
    author: OWNER,
    kind: 'agents',
    agents: [entryOf('bob', bobs, [{ name: 'judge', topic: null }])],
  })
  space.keys.set('bob', bobs)
  const inner = `msg_${String(5).padStart(26, '0')}`
  const ledger = space.event('ledger', { paid: 5 })
  space.turn(inner, 'handled', { epoch: 2, events: [ledger], trace: 'a'.repeat(32) }, [
    { to: 'alice/a', kind: 'reply', re: inner, handler: 'judge', body: '"yes"' },
  ])
  const owner = keyPairOf('@owner 2')
  space.write({ author: OWNER, kind: 'agents', agents: [entryOf(OWNER, owner)] })
  space.keys.set(OWNER, owner)
  end(space, question)
  afterwards(space, other)
  return space
}

/** Three records of alice's key and one of bob's: two trees, two signatures. Two of them are of one author. */
function firstBatch(space: Space, question: string, noted: string, second: string, other: string): void {
  const reasons = canonicalize({ reasons: ['looks at \u00e9\u20ac'] })
  const failure = canonicalize({ error: { code: 'Error', message: 'not now', retryable: true } })
  const asked = { to: 'bob', kind: 'ask', handler: 'judge', deadline: 1_700_000_020_000 } as const
  const published = { to: 'carol', kind: 'topic', topic: NEWS, handler: 'hear' } as const
  const first = space.chunk(question, [
    { i: 0, name: 'ask the model', op: 'step', t: 'call' },
    { i: 0, t: 'done', value: '"fine"' },
  ])
  batch(space, [
    {
      author: 'alice/a',
      said: {
        ...turnOfMessage(space, question, 'waiting', 0),
        epoch: 1,
        journal: [first],
        reads: [{ stream: 'ledger', version: 0 }],
      },
      sent: [asked],
    },
    {
      author: 'alice/b',
      said: { ...turnOfMessage(space, noted, 'handled', 0), epoch: 1, events: [space.event('notes', 'one')] },
      sent: [published],
      detail: reasons,
    },
    { author: 'bob', said: { ...turnOfMessage(space, other, 'retry', 0), epoch: 1 }, detail: failure },
    { author: 'alice/b', said: { ...turnOfMessage(space, second, 'handled', 0), epoch: 1 } },
  ])
}

/** The end of the turn that waited: what it was told, decided, noted and answers. */
function end(space: Space, question: string): void {
  const chunk = space.chunk(question, [
    { i: 1, reply: 'msg_00000000000000000000000007', t: 'done', value: '"yes"' },
  ])
  const { id, publicKey } = keyPairOf('bob 2')
  const [alice, , carol] = proposalOf(3).electorate
  if (alice === undefined || carol === undefined) throw new Error('the electorate is too small')
  const proposal = proposalOf(3, {
    space: space.id,
    decision: DECISION,
    rule: majority(),
    electorate: [alice, { member: 'bob', key: id, publicKey }, carol],
  })
  const ballots = [castBy('alice', proposal, 'yes'), castBob(proposal, 'yes')]
  const certificate = canonicalize(makeCertificate(crypto, proposal, ballots, 1_700_000_000_009))
  const hash = crypto.sha256(certificate)
  const said = {
    decisions: [{ id: DECISION, sha256: hash }],
    epoch: 2,
    events: [space.event('ledger', { paid: 7 }), space.event('ledger', { paid: 9 })],
    journal: [chunk],
    reads: [
      { stream: 'ledger', version: 1 },
      { stream: '@agents', version: 4 },
    ],
    settles: [{ as: 'handled' as const, id: 'msg_00000000000000000000000007' }],
    trace: 'a'.repeat(32),
  }
  space.turn(question, 'handled', said, [
    { to: 'client/1', kind: 'reply', re: question, handler: 'review', body: '{"verdict":"ok"}' },
  ])
  space.decisions.push({ id: DECISION, hash, certificate, position: space.position })
}

/** A message that is retried, dies and is dropped; a cancel; a key that is revoked. */
function afterwards(space: Space, other: string): void {
  space.turn(other, 'retry', {
    epoch: 2,
    turn: { ...turnOfMessage(space, other, 'retry', 1).turn, attempt: 2 },
  })
  space.turn(other, 'dead', { epoch: 2 })
  space.write({ author: 'client/2', kind: 'settle', settles: [{ as: 'cancelled', id: other }] })
  space.write({ author: 'client/1', kind: 'cancel', cancels: 'a'.repeat(32) })
  const { id } = keyPairOf('carol')
  space.write({ author: OWNER, kind: 'agents', revokes: [{ key: id, reason: 'the laptop was stolen' }] })
}

/** A ballot that bob signed with the key that he was given later. */
export function castBob(proposal: Parameters<typeof castBy>[1], choice: string): ReturnType<typeof castBy> {
  const { id } = keyPairOf('bob 2')
  const { ballot } = castBy('bob', proposal, choice, { key: id })
  return castAs('bob 2', ballot)
}

/** A ballot signed by whoever is named. */
export function castAs(
  signer: string,
  ballot: ReturnType<typeof castBy>['ballot'],
): ReturnType<typeof castBy> {
  return { ballot, signature: crypto.sign(keyPairOf(signer).privateKey, bytesOf(ballot)) }
}

function bytesOf(ballot: ReturnType<typeof castBy>['ballot']): Uint8Array {
  const type = 'application/vnd.coterie.ballot.v1+json'
  const text = canonicalize(ballot)
  return Buffer.from(`DSSEv1 ${type.length} ${type} ${Buffer.byteLength(text)} ${text}`)
}

/** Writes several records in one batch. */
function batch(space: Space, parts: readonly Part[]): void {
  const bodies: ReturnType<Space['body']>[] = []
  const rows: MessageRow[] = []
  for (const { author, said, sent = [], detail } of parts) {
    const position = space.records.length + bodies.length
    const messages = sent.map((one, index) => {
      const id = `msg_${String(space.messages.length + rows.length + 1 + index).padStart(26, '0')}`
      const mail = space.message(author, { id, ...one }, said.turn?.id ?? null)
      return { ...mail, position, dueAt: null, error: null, reason: null, settledAt: null }
    })
    const events = said.events?.map((event) => {
      const kept = space.events.get(event.stream)?.find(({ version }) => version === event.version)
      if (kept !== undefined) Object.assign(kept, { position })
      return event
    })
    const body = space.body({
      kind: 'send',
      ...said,
      author,
      ...(events !== undefined && { events }),
      ...(messages.length > 0 && { sends: messages.map((m) => ({ id: m.envelope.id, sha256: m.hash })) }),
      ...(detail !== undefined && { detail: crypto.sha256(detail) }),
    })
    const before = bodies.findLast((one) => one.author === author)
    bodies.push(
      before === undefined ? body : { ...body, seq: before.seq + 1, prev: hashRecord(crypto, before).hash },
    )
    rows.push(...messages)
  }
  const keys = parts.map(({ author }) => space.keyOf(author))
  const details = parts.map(({ detail }) => detail ?? null)
  seal(bodies, space.records.length, keys, details).forEach((record, index) => {
    const body = bodies[index]
    if (body !== undefined) space.add(record, body)
  })
  space.messages.push(...rows)
}

function turnOfMessage(space: Space, id: string, end: TurnEnd, segment: number) {
  const turn = {
    attempt: 1,
    end,
    id: turnOf(id),
    message: { id, sha256: space.row(id).hash },
    segment,
  }
  return { kind: 'turn', trace: space.row(id).envelope.trace, turn } as const
}

function ids(space: Space): [string, string, string, string] {
  const [a = '', b = '', c = '', d = ''] = space.messages.map(({ envelope }) => envelope.id)
  return [a, b, c, d]
}

/** The log as data: what a reader of a store has, and nothing that only a store knows. */
export function logOf(space: Space) {
  return {
    records: space.records,
    messages: space.messages.map(({ position, text, hash, payload }) => ({ position, text, hash, payload })),
    events: [...space.events.values()].flat(),
    chunks: [...space.chunks.values()].flat(),
    decisions: space.decisions,
  }
}

/** The form of {@link logOf}. */
export type Log = ReturnType<typeof logOf>

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { CoterieError } from '../../src/core/errors.ts'
import { turnOf } from '../../src/core/ids.ts'
import { envelopeText, type Envelope } from '../../src/core/message.ts'
import type { RecordBody } from '../../src/core/record.ts'
import { verifyMail } from '../../src/log/verify.ts'
import type { Mail } from '../../src/ports/store.ts'
import { messageId, Space, type Sent } from '../helpers/log.ts'

/** A space in which alice has sent two messages in one turn, and what bob is given of them. */
function sent(...messages: readonly Partial<Sent>[]): {
  readonly mails: readonly Mail[]
  readonly body: RecordBody
} {
  const space = new Space()
  const [id = ''] = space.send('client/1', [{ to: 'alice' }])
  const ids = space.turn(
    id,
    'handled',
    {},
    messages.map((message) => ({ to: 'bob', ...message })),
  )
  const body = space.bodies.at(-1)
  assert.ok(body)
  return { mails: ids.map((each) => space.row(each)), body }
}

const { mails, body } = sent({ body: '{"a":1}' }, { body: '"ü"' })
const [mail, other] = mails
assert.ok(mail && other)

function refuse(changed: unknown, reason: RegExp, of: RecordBody = body): void {
  assert.throws(
    () => verifyMail(crypto, changed as Mail, of),
    (error: unknown) => {
      assert.ok(error instanceof CoterieError, String(error))
      assert.equal(error.code, 'COTERIE_VERIFICATION_FAILED')
      assert.match(String(error.details['reason']), reason)
      assert.equal(error.details['position'], (changed as Mail).position)
      assert.equal(error.details['author'], 'alice')
      return true
    },
  )
}

/** A message with another envelope, and a record whose author signed exactly that. */
function signed(change: Readonly<Record<string, unknown>>): {
  readonly mail: Mail
  readonly body: RecordBody
} {
  assert.ok(mail)
  const envelope = { ...mail.envelope, ...change } as Envelope
  const text = envelopeText(envelope)
  const hash = crypto.sha256(text)
  return {
    mail: { ...mail, envelope, text, hash },
    body: { ...body, sends: [{ id: envelope.id, sha256: hash }] },
  }
}

test('a message is what its sender signed, whatever its kind', () => {
  for (const each of mails) verifyMail(crypto, each, body)
  const kinds: readonly Partial<Sent>[] = [
    { kind: 'ask', deadline: 1_700_000_001_000 },
    { kind: 'reply', re: messageId(7), failed: true },
    { kind: 'topic', topic: 'prices', key: 'once' },
    { dueAt: 1_800_000_000_000, to: 'bob/7' },
  ]
  for (const kind of kinds) {
    const { mails: made, body: of } = sent({ ...kind, cause: null })
    assert.equal(made.length, 1)
    for (const each of made) verifyMail(crypto, each, of)
  }
})

suite('a message is refused', () => {
  test('when any one byte of its envelope or of its payload is changed', () => {
    for (const part of ['text', 'payload'] as const) {
      const bytes = Buffer.from(mail[part])
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 1
        const reason =
          part === 'text' ? /is not the text that was signed/ : /its payload is not what was signed/
        refuse({ ...mail, [part]: changed.toString('latin1') }, reason)
      }
    }
  })

  test('when the envelope that is handed over is not the text that was signed', () => {
    for (const change of [
      { to: 'alice' },
      { handler: 'other' },
      { deadline: 5 },
      { trace: 'b'.repeat(32) },
    ]) {
      refuse({ ...mail, envelope: { ...mail.envelope, ...change } }, /its envelope is not the text/)
    }
  })

  test('when another envelope has a hash that fits, because nobody signed it', () => {
    const { mail: forged } = signed({ to: 'alice' })
    refuse(forged, /"alice" did not sign it in this record/)
    refuse({ ...forged, hash: mail.hash }, /its hash is not that of its envelope/)
  })

  test('when another message, or none, stands in the record', () => {
    refuse({ ...mail, ...signed({ id: other.envelope.id }).mail }, /did not sign it/)
    refuse(mail, /did not sign it/, { ...body, sends: [] })
    const { sends: _, ...silent } = body
    refuse(mail, /did not sign it/, silent)
    refuse(mail, /did not sign it/, { ...body, sends: [{ id: other.envelope.id, sha256: mail.hash }] })
    refuse(mail, /did not sign it/, { ...body, sends: [{ id: mail.envelope.id, sha256: other.hash }] })
  })

  test('with the payload of another message', () => {
    refuse({ ...mail, payload: other.payload }, /its payload is not what was signed/)
    refuse({ ...mail, payload: '' }, /its payload is not what was signed/)
  })

  test('when the length of its payload is not what it says', () => {
    const { mail: made, body: of } = signed({ payload: { ...mail.envelope.payload, bytes: 8 } })
    refuse(made, /its payload has another length/, of)
  })

  test('and its payload is measured in bytes, not in characters', () => {
    assert.equal(other.payload.length, 3)
    assert.equal(other.envelope.payload.bytes, 4)
    verifyMail(crypto, other, body)
  })

  test('when it speaks for another sender, space or turn', () => {
    for (const [change, reason] of [
      [{ from: 'bob' }, /says that it is from "bob"/],
      [{ from: 'alice/1' }, /says that it is from "alice\/1"/],
      [{ space: crypto.sha256('other') }, /belongs to another space/],
      [{ cause: turnOf(messageId(77)) }, /names a cause that is not this turn/],
    ] as const) {
      const { mail: made, body: of } = signed(change)
      refuse(made, reason, of)
    }
  })

  test('when it names a cause and was not sent by a turn', () => {
    const { turn: _, ...rest } = body
    const sending: RecordBody = { ...rest, kind: 'send' }
    refuse(mail, /names a cause that is not this turn/, sending)
    const { mail: free, body: of } = signed({ cause: null })
    verifyMail(crypto, free, { ...sending, sends: of.sends ?? [] })
  })

  test('when its texts are not texts', () => {
    for (const part of ['text', 'payload'])
      for (const value of [null, 7, {}]) refuse({ ...mail, [part]: value }, /not texts/)
  })
})

suite('an envelope is refused, though it is well signed,', () => {
  const hash = crypto.sha256('x')
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    cause: ['', 'msg_1', 7],
    correlation: [null, '', 7],
    deadline: [-1, 1.5, '1'],
    dueAt: [-1, '1'],
    failed: [null, 0],
    from: [null, '', '@nobody', 'a b'],
    handler: [null, '', 'a-b', 'a b'],
    id: [null, '', 'turn_1', 'msg_', 'msg_ 1'],
    key: ['', 7],
    kind: [null, 'other'],
    payload: [null, {}, { bytes: -1, sha256: hash }, { bytes: 1, sha256: 'x' }],
    re: ['', 'x', 7],
    sentAt: [null, -1],
    space: [null, '', 'x'],
    to: [null, '', 'a/'],
    topic: ['', 'a b', 7],
    trace: [null, '', '\ud800', 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(31)}"`],
    v: [null, 2],
  }
  for (const [name, values] of Object.entries(wrong)) {
    test(`when its "${name}" is malformed`, () => {
      for (const value of values) {
        const envelope = { ...mail.envelope, [name]: value } as unknown as Envelope
        refuse({ ...mail, envelope }, /its envelope is malformed/)
      }
    })
  }

  test('when a member is missing, or there is one more', () => {
    for (const name of Object.keys(mail.envelope)) {
      const { [name]: _, ...envelope } = { ...mail.envelope } as Record<string, unknown>
      refuse({ ...mail, envelope }, /its envelope is malformed/)
    }
    refuse({ ...mail, envelope: { ...mail.envelope, more: 1 } }, /its envelope is malformed/)
    for (const envelope of [null, undefined, [], 'x'])
      refuse({ ...mail, envelope }, /its envelope is malformed/)
  })

  test('when its members do not agree with its kind', () => {
    for (const [change, reason] of [
      [{ kind: 'reply' }, /only a reply, names a question/],
      [{ re: messageId(1) }, /only a reply, names a question/],
      [{ kind: 'topic' }, /only a publication, names a topic/],
      [{ topic: 'prices' }, /only a publication, names a topic/],
      [{ failed: true }, /only a reply can be a failed one/],
    ] as const) {
      const { mail: made, body: of } = signed(change)
      refuse(made, reason, of)
    }
  })
})

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { CoterieError } from '../../src/core/errors.ts'
import { parseCanonical } from '../../src/core/json.ts'
import { recordText, type RecordBody } from '../../src/core/record.ts'
import { recordHash, createSignatureCache, signBatch } from '../../src/log/seal.ts'
import { verifyRecord } from '../../src/log/verify.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import type { LogRecord } from '../../src/ports/store.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, seal, Space } from '../helpers/log.ts'

const HASH = crypto.sha256('something')

/** A space in which alice has written a record that says as much as a record can. */
function written(): { readonly space: Space; readonly record: LogRecord; readonly body: RecordBody } {
  const space = new Space()
  const [id = ''] = space.send('client/1', [{ to: 'alice' }])
  space.turn(id, 'handled', {
    cancels: 'a'.repeat(32),
    decisions: [{ id: 'dec_1', sha256: HASH }],
    epoch: 3,
    events: [{ sha256: HASH, stream: 'account 7', type: 'paid', version: 1 }],
    journal: [HASH],
    reads: [{ stream: '@agents', version: 2 }],
    sends: [{ id: 'msg_9', sha256: HASH }],
    settles: [{ as: 'cancelled', id: 'msg_8' }],
    trace: 'a'.repeat(32),
  })
  const position = space.position
  const body = space.bodies[position]
  const [record] =
    body === undefined
      ? []
      : seal([{ ...body, detail: crypto.sha256('{"note":"x"}') }], position, [], ['{"note":"x"}'])
  assert.ok(record && body)
  return { space, record, body: { ...body, detail: crypto.sha256('{"note":"x"}') } }
}

const { space, record, body } = written()

function verify(changed: LogRecord, of = space): RecordBody {
  return verifyRecord(crypto, of.registry, of.id, changed)
}

/** The record must be refused, and the reason must match. */
function refuse(changed: unknown, reason: RegExp, of = space): void {
  const given = changed as LogRecord
  assert.throws(
    () => verify(given, of),
    (error: unknown) => {
      assert.ok(error instanceof CoterieError, String(error))
      assert.equal(error.code, 'COTERIE_VERIFICATION_FAILED')
      assert.match(String(error.details['reason']), reason)
      assert.equal(error.details['position'], given.position)
      assert.equal(error.details['author'], given.author)
      assert.ok(error.message.includes(String(error.details['reason'])))
      return true
    },
  )
}

/** A record with any text as its body, well hashed and well signed: what a hostile agent could write. */
function signed(text: string, key: KeyPair = keyPairOf('alice')): LogRecord {
  const hash = recordHash(crypto, text)
  const [proof] = signBatch(crypto, [{ hash, key }])
  assert.ok(proof)
  return { ...record, body: text, hash, proof, detail: null }
}

/** The same with a value, in the order of its members. */
function signedValue(value: unknown): LogRecord {
  return signed(JSON.stringify(value))
}

suite('a record verifies', () => {
  test('as it was written, and gives its body', () => {
    assert.deepEqual(verify(record), body)
    assert.deepEqual(JSON.parse(recordText(body)), parseCanonical(record.body))
  })

  test('for each record of the space, the genesis included', () => {
    space.records.slice(0, -1).forEach((each, index) => assert.deepEqual(verify(each), space.bodies[index]))
  })

  test('without its detail, which may be erased', () => {
    assert.deepEqual(verify({ ...record, detail: null }), body)
  })

  test('by an instance of an agent, with the key of the agent', () => {
    const other = new Space()
    other.write({ author: 'alice/7', kind: 'send' })
    assert.equal(verify(other.records.at(-1) as LogRecord, other).author, 'alice/7')
  })

  test('in a batch with others, with and without a cache', () => {
    const other = new Space()
    const bodies = ['alice', 'alice/1', 'bob', 'alice/2'].map((author) =>
      other.body({ author, kind: 'send' }),
    )
    const cache = createSignatureCache()
    for (const each of seal(bodies, other.records.length, [])) {
      assert.equal(verifyRecord(crypto, other.registry, other.id, each, cache).author, each.author)
      assert.equal(verify(each, other).author, each.author)
    }
  })
})

suite('a record is refused', () => {
  test('when any one byte of its body is changed', () => {
    const bytes = Buffer.from(record.body)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.throws(() => verify({ ...record, body: changed.toString() }), {
        code: 'COTERIE_VERIFICATION_FAILED',
      })
    }
  })

  test('when any one digit of its hash is changed, or of the previous one', () => {
    for (const column of ['hash', 'prev'] as const) {
      for (let at = 0; at < 64; at++) {
        const digit = record[column][at] === '0' ? '1' : '0'
        const changed = record[column].slice(0, at) + digit + record[column].slice(at + 1)
        refuse(
          { ...record, [column]: changed },
          column === 'hash' ? /its hash is not that/ : /another previous record/,
        )
      }
    }
  })

  test('when a column says something else than its body', () => {
    refuse({ ...record, author: 'bob' }, /says that it is by "alice"/)
    refuse({ ...record, author: 'alice/1' }, /says that it is by "alice"/)
    refuse({ ...record, seq: record.seq + 1 }, /number 0 of its author, not 1/)
    refuse({ ...record, prev: '' === record.prev ? HASH : '' }, /another previous record/)
  })

  test('when its body has another content under a hash that fits, because nobody signed that', () => {
    for (const change of [{ at: 5 }, { epoch: 4 }, { sends: [] }, { turn: { ...body.turn, end: 'dead' } }]) {
      const text = recordText({ ...body, ...change } as RecordBody)
      refuse({ ...record, body: text, hash: recordHash(crypto, text) }, /its signature is not valid/)
    }
  })

  test('with the signature of another record, of another key, or with none', () => {
    const [other] = seal([{ ...body, at: 6 }], record.position, [])
    const [foreign] = seal([body], record.position, [keyPairOf('bob')])
    for (const proof of [other?.proof, foreign?.proof, { ...record.proof, signature: 'A'.repeat(86) }]) {
      refuse({ ...record, proof }, /its signature is not valid/)
    }
  })

  test('with the audit path of another record of the same batch', () => {
    const fresh = new Space()
    const bodies = ['alice', 'alice/1', 'alice/2'].map((author) => fresh.body({ author, kind: 'send' }))
    const batch = seal(bodies, fresh.records.length, [])
    for (const each of batch) {
      for (const other of batch) {
        if (other !== each) refuse({ ...each, proof: other.proof }, /its signature is not valid/, fresh)
      }
    }
  })

  test('with a proof that has another form', () => {
    const { proof } = record
    const wrong = [
      undefined,
      null,
      [],
      'x',
      {},
      { ...proof, more: 1 },
      { ...proof, index: '0' },
      { ...proof, index: -1 },
      { ...proof, size: 1.5 },
      { ...proof, path: {} },
      { ...proof, path: ['x'] },
      { ...proof, path: [null] },
      { ...proof, signature: 7 },
      { ...proof, signature: '' },
    ]
    for (const each of wrong) refuse({ ...record, proof: each }, /its proof of signature is malformed/)
  })

  test('with another detail than was signed, or with one where none was signed', () => {
    for (const detail of ['{"note":"y"}', '', '{}', 7, undefined]) {
      refuse({ ...record, detail }, /its detail is not what its author signed/)
    }
    const { detail: _, ...bare } = body
    refuse({ ...signedValue(JSON.parse(recordText(bare))), detail: '{}' }, /did not sign/)
  })

  test('at a position that is none', () => {
    for (const position of [-1, 1.5, Number.NaN, '3', undefined]) {
      refuse({ ...record, position }, /its position is not a number/)
    }
  })
})

suite('a record is refused for its key', () => {
  test('when that is the key of another agent, even if it signed it', () => {
    const forged = { ...body, key: keyPairOf('bob').id }
    const [sealed] = seal([forged], record.position, [keyPairOf('bob')], ['{"note":"x"}'])
    refuse(sealed, /it is signed with the key of "bob"/)
  })

  test('when that is the key of the owner', () => {
    const [sealed] = seal(
      [{ ...body, key: keyPairOf(OWNER).id }],
      record.position,
      [keyPairOf(OWNER)],
      ['{"note":"x"}'],
    )
    refuse(sealed, /it is signed with the key of "@owner"/)
  })

  test('when nobody has that key', () => {
    const [sealed] = seal(
      [{ ...body, key: keyPairOf('eve').id }],
      record.position,
      [keyPairOf('eve')],
      ['{"note":"x"}'],
    )
    refuse(sealed, /is not valid at this position/)
  })

  test('before the position at which the key was added, and not at it', () => {
    const fresh = new Space()
    const [early] = seal([fresh.body({ author: 'carol', kind: 'send' })], 1, [keyPairOf('carol')])
    const [late] = seal([fresh.body({ author: 'carol', kind: 'send' })], 3, [keyPairOf('carol')])
    fresh.write({ author: OWNER, kind: 'agents', agents: [entryOf('carol')] })
    refuse(early, /is not valid at this position/, fresh)
    assert.ok(late && verify(late, fresh))
  })

  test('from the position on at which it was revoked, and not before', () => {
    const fresh = new Space()
    const before = fresh.write({ author: 'alice', kind: 'send' })
    fresh.write({
      author: OWNER,
      kind: 'agents',
      revokes: [{ key: keyPairOf('alice').id, reason: 'stolen' }],
    })
    const after = fresh.write({ author: 'alice', kind: 'send' })
    assert.ok(verify(before, fresh))
    refuse(after, /is not valid at this position/, fresh)
    refuse({ ...before, position: 3 }, /is not valid at this position/, fresh)
  })

  test('from the position on at which it was replaced, and the new one before that', () => {
    const fresh = new Space()
    const fresher = keyPairOf('alice, the second')
    const before = fresh.write({ author: 'alice', kind: 'send' })
    fresh.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', fresher)] })
    const old = fresh.write({ author: 'alice', kind: 'send' })
    fresh.keys.set('alice', fresher)
    const renewed = fresh.write({ author: 'alice', kind: 'send' })
    assert.ok(verify(before, fresh))
    assert.ok(verify(renewed, fresh))
    refuse(old, /is not valid at this position/, fresh)
    refuse({ ...renewed, position: 2 }, /is not valid at this position/, fresh)
  })
})

suite('a record is refused for its space', () => {
  test('when it was signed in another one with the same agents and keys', () => {
    const other = new Space(undefined, 2)
    assert.notEqual(other.id, space.id)
    const [copied] = seal([{ ...body, space: other.id }], record.position, [], ['{"note":"x"}'])
    refuse(copied, /it belongs to another space/)
    assert.ok(copied && verify(copied, other))
  })

  test('when the agents are known from another one', () => {
    const other = new Space(undefined, 2)
    assert.throws(() => verifyRecord(crypto, other.registry, space.id, record), /those of another space/)
  })

  test('when it is a genesis, but not that of this space', () => {
    const [other] = seal([{ ...(space.bodies[0] as RecordBody), at: 7 }], 0, [])
    refuse(other, /it belongs to another space/)
  })
})

suite('a body is refused, though it is well signed,', () => {
  const value = JSON.parse(recordText({ ...body, detail: undefined } as unknown as RecordBody)) as Record<
    string,
    unknown
  >

  test('never when nothing is wrong with it', () => {
    assert.ok(verify(signedValue(value)))
  })

  test('when it is not JSON, or JSON of another kind', () => {
    for (const text of ['', '{', 'undefined', '\u0000']) refuse(signed(text), /its body is not JSON/)
    for (const text of ['null', '[]', '7', '"x"']) refuse(signed(text), /its body is not an object/)
    refuse({ ...record, body: null }, /its body is not JSON/)
    refuse({ ...record, body: body }, /its body is not JSON/)
  })

  test('when it is not canonical', () => {
    const text = record.body
    const others = [
      ` ${text}`,
      text.replace('"at":', '"at": '),
      text.replace('"v":1', '"v":1.0'),
      text.replace('1700000000000', '17e11'),
      text.replace('"alice"', String.raw`"alic\u0065"`),
      text.replace('{', '{"at":1,'),
      text.replace('"seq":0', '"seq":-0'),
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed())),
    ]
    for (const other of others) {
      assert.notEqual(other, text)
      assert.throws(() => parseCanonical(other), { code: 'COTERIE_INVALID_JSON' })
      refuse(signed(other), /not in canonical form/)
    }
  })

  test('when a required member is missing', () => {
    for (const name of ['at', 'author', 'key', 'kind', 'prev', 'seq', 'space', 'v']) {
      const { [name]: _, ...rest } = value
      refuse(signedValue(rest), new RegExp(`its body has no "${name}"`))
    }
  })

  test('when it has a member that it should not have, at any depth', () => {
    refuse(signedValue({ ...value, zero: 0 }), /an unknown member "zero"/)
    refuse(signed(record.body.replace('{', '{"__proto__":{},')), /an unknown member "__proto__"/)
    refuse(signedValue({ ...value, toString: 1 }), /an unknown member "toString"/)
    for (const name of ['decisions', 'events', 'reads', 'sends', 'settles']) {
      const [first] = value[name] as object[]
      refuse(
        signedValue({ ...value, [name]: [{ ...first, zero: 0 }] }),
        new RegExp(`"${name}" of its body is malformed`),
      )
    }
    refuse(
      signedValue({ ...value, turn: { ...(value['turn'] as object), zero: 0 } }),
      /"turn" of its body is malformed/,
    )
  })

  const lone = '\ud800'
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    at: [null, -1, 1.5, '1', 2 ** 53],
    author: [null, 7, '', 'no name', 'alice/', '@other', '-a', `alice/${lone}`],
    cancels: [null, '', 7, lone, 'everything', 'msg_', 'a'.repeat(33)],
    decisions: [
      null,
      {},
      [null],
      [{}],
      [{ id: 'dec_1', sha256: 'x' }],
      [{ id: lone, sha256: HASH }],
      [{ id: 'd', sha256: HASH }],
      [{ id: 'dec_', sha256: HASH }],
      [{ id: 'dec_"', sha256: HASH }],
    ],
    detail: [null, '', 'x', HASH.toUpperCase(), `${HASH}\n`],
    epoch: [null, -1, '3'],
    events: [
      null,
      {},
      [{}],
      [{ sha256: HASH, stream: '', type: 't', version: 1 }],
      [{ sha256: HASH, stream: 's', type: 't' }],
    ],
    journal: [null, HASH, [7], ['x'], [[HASH]]],
    key: [null, '', HASH, 'x'.repeat(40)],
    kind: [null, '', 'other', ['turn']],
    prev: [null, 'x', 7, HASH.slice(1)],
    reads: [null, {}, [{}], [{ stream: 's', version: -1 }], [{ stream: 7, version: 1 }]],
    sends: [
      null,
      {},
      [{}],
      [{ id: 'turn_1', sha256: HASH }],
      [{ id: 'msg_1', sha256: 'x' }],
      [{ id: 'msg_', sha256: HASH }],
    ],
    seq: [null, -1, '0', 1.5],
    settles: [null, {}, [{}], [{ as: 'dead', id: 'msg_1' }], [{ as: 'queued', id: '' }]],
    space: [null, 'x', 7],
    trace: [null, '', 7, lone, 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(31)}"`],
    turn: [
      null,
      [],
      { ...body.turn, end: 'over' },
      { ...body.turn, attempt: 'x' },
      { ...body.turn, segment: -1 },
      { ...body.turn, id: 'msg_1' },
      { ...body.turn, message: 'msg_1' },
      { ...body.turn, message: { id: 'msg_1' } },
    ],
    v: [null, 2, '1', true],
  }
  for (const [name, values] of Object.entries(wrong)) {
    test(`when its "${name}" is malformed`, () => {
      for (const each of values) {
        refuse(
          signedValue({ ...value, [name]: each }),
          new RegExp(`the member "${name}" of its body is malformed`),
        )
      }
    })
  }

  test('when a text in it is longer than 4,096 characters, and not when it is as long', () => {
    const reads = (length: number): unknown => [{ stream: 'x'.repeat(length), version: 1 }]
    assert.ok(verify(signedValue({ ...value, reads: reads(4096) })))
    refuse(signedValue({ ...value, reads: reads(4097) }), /"reads" of its body is malformed/)
  })

  test('when its members do not agree with each other', () => {
    const { turn, ...send } = value
    assert.ok(turn)
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ ...value, prev: HASH }, /a first record, and only a first one/],
      [{ ...value, seq: 4 }, /a first record, and only a first one/],
      [{ ...value, space: '' }, /the genesis, and only the genesis, names no space/],
      [{ ...value, kind: 'genesis' }, /the genesis, and only the genesis, names no space/],
      [{ ...send, kind: 'genesis', space: '' }, /the first record of the owner/],
      [{ ...value, kind: 'send' }, /a turn, and only a turn/],
      [{ ...send }, /a turn, and only a turn/],
      [{ ...send, kind: 'agents', agents: [entryOf('eve')] }, /only the owner speaks of agents/],
      [{ ...value, agents: [entryOf('eve')] }, /cannot change agents or keys/],
      [{ ...value, revokes: [{ key: keyPairOf('bob').id, reason: 'r' }] }, /cannot change agents or keys/],
    ]
    for (const [each, reason] of cases) {
      const text = recordText(each as RecordBody)
      const { seq, prev } = each as RecordBody
      refuse({ ...signed(text), seq, prev }, reason)
    }
  })
})

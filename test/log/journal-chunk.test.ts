import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { CoterieError } from '../../src/core/errors.ts'
import { canonicalize, type Json } from '../../src/core/json.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'
import {
  parseChunk,
  readChunks,
  sealChunk,
  verifyChunk,
  type ChunkBody,
} from '../../src/log/journal-chunk.ts'
import type { JournalChunk } from '../../src/ports/store.ts'
import { keyPairOf } from '../helpers/keys.ts'

const alice = keyPairOf('alice')
const space = crypto.sha256('space')
const body: ChunkBody = {
  v: 1,
  space,
  turn: 'turn_1',
  author: 'alice/7',
  chunk: 0,
  prev: '',
  entries: [{ t: 'call', i: 0, name: 'é' }, null, [1, 'x']],
}
const chunk = sealChunk(crypto, alice, body)

function refuse(
  changed: unknown,
  reason: RegExp,
  place: Partial<ChunkBody> = {},
  keys = [alice.publicKey],
): void {
  assert.throws(
    () => verifyChunk(crypto, changed as JournalChunk, { ...body, ...place }, keys),
    (error: unknown) => {
      assert.ok(error instanceof CoterieError, String(error))
      assert.equal(error.code, 'COTERIE_VERIFICATION_FAILED')
      assert.match(String(error.details['reason']), reason)
      return true
    },
  )
}

/** A chunk with any text, well hashed and well signed. */
function signed(text: string, change: Partial<JournalChunk> = {}): JournalChunk {
  const bytes = preAuthEncoding(PAYLOAD_TYPES.journal, utf8(text))
  return {
    ...chunk,
    text,
    hash: crypto.sha256(text),
    signature: crypto.sign(alice.privateKey, bytes),
    ...change,
  }
}

/** Chained chunks of one turn. */
function chain(parts: readonly (readonly Json[])[]): JournalChunk[] {
  const chunks: JournalChunk[] = []
  for (const [number, entries] of parts.entries()) {
    chunks.push(
      sealChunk(crypto, alice, { ...body, chunk: number, prev: chunks.at(-1)?.hash ?? '', entries }),
    )
  }
  return chunks
}

suite('a journal chunk', () => {
  test('is canonical JSON with its hash, signed as a journal', () => {
    assert.equal(chunk.text, canonicalize(body))
    assert.equal(chunk.hash, crypto.sha256(chunk.text))
    assert.deepEqual([chunk.turn, chunk.chunk], ['turn_1', 0])
    const bytes = preAuthEncoding(PAYLOAD_TYPES.journal, utf8(chunk.text))
    assert.equal(crypto.verify(alice.publicKey, bytes, chunk.signature), true)
  })

  test('gives its content back', () => {
    assert.deepEqual(verifyChunk(crypto, chunk, body, [alice.publicKey]), body)
    assert.deepEqual(parseChunk(crypto, chunk), body)
  })

  test('may be signed with any key that the agent has had', () => {
    const keys = [keyPairOf('newer').publicKey, alice.publicKey]
    assert.deepEqual(verifyChunk(crypto, chunk, body, keys), body)
  })

  test('holds no entry that has no canonical form', () => {
    for (const entry of [0.5, -0, '\ud800', { __proto__: null, a: Number.NaN }]) {
      assert.throws(() => sealChunk(crypto, alice, { ...body, entries: [entry] }), {
        code: 'COTERIE_INVALID_JSON',
      })
    }
  })
})

suite('a journal chunk is refused', () => {
  test('when any one byte of its text is changed', () => {
    const bytes = Buffer.from(chunk.text)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      refuse({ ...chunk, text: changed.toString() }, /its text does not have its hash/)
    }
  })

  test('when its text and hash fit and nobody signed them', () => {
    const text = canonicalize({ ...body, entries: [] })
    refuse({ ...chunk, text, hash: crypto.sha256(text) }, /is not signed with a key of "alice\/7"/)
  })

  test('with another key, with none, or with the signature of another chunk or kind', () => {
    refuse(chunk, /is not signed/, {}, [keyPairOf('bob').publicKey])
    refuse(chunk, /is not signed/, {}, [])
    const other = sealChunk(crypto, alice, { ...body, entries: [] })
    refuse({ ...chunk, signature: other.signature }, /is not signed/)
    refuse({ ...chunk, signature: '' }, /is not signed/)
    const asRecords = preAuthEncoding(PAYLOAD_TYPES.records, utf8(chunk.text))
    refuse({ ...chunk, signature: crypto.sign(alice.privateKey, asRecords) }, /is not signed/)
    refuse({ ...chunk, signature: crypto.sign(alice.privateKey, utf8(chunk.text)) }, /is not signed/)
  })

  test('in another place than its own', () => {
    const hash = crypto.sha256('x')
    const places: Partial<ChunkBody>[] = [
      { space: hash },
      { turn: 'turn_2' },
      { author: 'alice' },
      { chunk: 1 },
      { prev: hash },
    ]
    for (const place of places)
      refuse(chunk, new RegExp(`its ${Object.keys(place)[0]} is .* and should be`), place)
  })

  test('when it is stored under another turn or number', () => {
    refuse({ ...chunk, turn: 'turn_2' }, /stored under another turn or number/)
    refuse({ ...chunk, chunk: 1 }, /stored under another turn or number/)
  })

  test('when its text is well signed, but not a canonical chunk', () => {
    refuse(signed(` ${chunk.text}`), /not canonical JSON/)
    refuse(signed(chunk.text.replace('[1,', '[1.0,')), /not canonical JSON/)
    refuse(signed('x'), /not canonical JSON/)
    const { entries: _, ...bare } = body
    const wrong: Json[] = [
      null,
      [],
      'x',
      bare,
      { ...body, more: 1 },
      { ...body, v: 2 },
      { ...body, chunk: -1 },
      { ...body, chunk: '0' },
      { ...body, space: null },
      { ...body, author: 7 },
      { ...body, turn: null },
      { ...body, prev: null },
      { ...body, entries: {} },
    ]
    for (const each of wrong) refuse(signed(canonicalize(each)), /does not have the form/)
    assert.throws(
      () => parseChunk(crypto, signed('x')),
      (error: Error) => error.cause instanceof CoterieError && error.cause.code === 'COTERIE_INVALID_JSON',
    )
    refuse({ ...chunk, text: null }, /its text does not have its hash/)
  })
})

suite('the journal of a turn', () => {
  const parts = [[1, 2], [], [{ a: 3 }]]
  const chunks = chain(parts)
  const of = { space, author: 'alice/7', publicKey: alice.publicKey }
  const fails = (changed: readonly JournalChunk[], options = of): void => {
    assert.throws(() => readChunks(crypto, changed, options), { code: 'COTERIE_VERIFICATION_FAILED' })
  }

  test('is the entries of its chunks, in order', () => {
    assert.deepEqual(readChunks(crypto, chunks, of), parts.flat())
    assert.deepEqual(readChunks(crypto, [], of), [])
    const publicKey = [keyPairOf('newer').publicKey, alice.publicKey]
    assert.deepEqual(readChunks(crypto, chunks, { ...of, publicKey }), parts.flat())
  })

  test('is refused when a chunk is left out, moved, doubled, or from another turn or author', () => {
    fails(chunks.slice(1))
    fails(chunks.toSpliced(1, 1))
    fails(chunks.toReversed())
    const [first, second, third] = chunks
    assert.ok(first && second && third)
    fails([first, first, second, third])
    fails([first, third, second])
    const strange = sealChunk(crypto, alice, { ...body, turn: 'turn_2', chunk: 1, prev: first.hash })
    fails([first, strange])
    fails([first, { ...strange, turn: 'turn_1' }])
    fails(chunks, { ...of, author: 'alice/8' })
    fails(chunks, { ...of, space: crypto.sha256('x') })
    fails(chunks, { ...of, publicKey: keyPairOf('bob').publicKey })
  })

  test('is refused when a chunk continues another one with the same number', () => {
    const [first] = chunks
    const [, fork] = chain([['other'], [2]])
    assert.ok(first && fork)
    fails([first, fork])
  })
})

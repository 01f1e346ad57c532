import { utf8 } from '../core/bytes.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize, parseCanonical, type Json } from '../core/json.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import type { JournalChunk } from '../ports/store.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from './dsse.ts'

/** What a chunk says: some entries of one turn's journal. */
export type ChunkBody = {
  readonly v: 1
  readonly space: string
  readonly turn: string
  /** The address whose turn it is. */
  readonly author: string
  /** Counts the chunks of the turn from 0. */
  readonly chunk: number
  /** The hash of the chunk before, '' at 0. */
  readonly prev: string
  readonly entries: readonly Json[]
}

/** The place that a chunk must have. */
export type ChunkPlace = Pick<ChunkBody, 'space' | 'turn' | 'author' | 'chunk' | 'prev'>

const KEYS = ['v', 'space', 'turn', 'author', 'chunk', 'prev', 'entries'] as const

/**
 * A chunk, signed by the agent whose turn it is: before the record that lists its hash is written, the chunk
 * must vouch for itself.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON` when an entry is outside of the canonical subset.
 */
export function sealChunk(crypto: Crypto, key: KeyPair, body: ChunkBody): JournalChunk {
  const { v, space, turn, author, chunk, prev, entries } = body
  const text = canonicalize({ v, space, turn, author, chunk, prev, entries })
  const signature = crypto.sign(key.privateKey, chunkBytes(text))
  return { turn, chunk, text, hash: crypto.sha256(text), signature }
}

/**
 * The content of a chunk that has exactly this place and is signed with one of these public keys: those of
 * the agent, of which an older one may have signed before the key was rotated.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED`.
 */
export function verifyChunk(
  crypto: Crypto,
  chunk: JournalChunk,
  place: ChunkPlace,
  publicKeys: readonly string[],
): ChunkBody {
  const body = parseChunk(crypto, chunk)
  for (const name of ['space', 'turn', 'author', 'chunk', 'prev'] as const) {
    if (body[name] !== place[name]) {
      const is = `its ${name} is ${JSON.stringify(body[name])}`
      throw failedChunk(chunk, `${is} and should be ${JSON.stringify(place[name])}`)
    }
  }
  const bytes = chunkBytes(chunk.text)
  if (!publicKeys.some((publicKey) => crypto.verify(publicKey, bytes, chunk.signature))) {
    throw failedChunk(chunk, `it is not signed with a key of ${JSON.stringify(body.author)}`)
  }
  return body
}

/**
 * The entries of a turn's journal, from all its chunks in order, each verified and chained to the one before.
 * `publicKey` is the agent's, or all that it has had: see {@link verifyChunk}.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED`.
 */
export function readChunks(
  crypto: Crypto,
  chunks: readonly JournalChunk[],
  of: {
    readonly space: string
    readonly author: string
    readonly publicKey: string | readonly string[]
  },
): Json[] {
  const { space, author } = of
  const publicKeys = typeof of.publicKey === 'string' ? [of.publicKey] : of.publicKey
  const entries: Json[] = []
  let prev = ''
  for (const [number, chunk] of chunks.entries()) {
    const place: ChunkPlace = { space, turn: chunks[0]?.turn ?? '', author, chunk: number, prev }
    for (const entry of verifyChunk(crypto, chunk, place, publicKeys).entries) entries.push(entry)
    prev = chunk.hash
  }
  return entries
}

/**
 * The content of a chunk whose text is canonical, well-formed, and that of its hash and number. It says nothing
 * of the signature.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED`.
 */
export function parseChunk(crypto: Crypto, chunk: JournalChunk): ChunkBody {
  if (typeof chunk.text !== 'string' || crypto.sha256(chunk.text) !== chunk.hash) {
    throw failedChunk(chunk, 'its text does not have its hash')
  }
  const body: unknown = parsed(chunk)
  if (!isChunkBody(body)) throw failedChunk(chunk, 'its text does not have the form of a journal chunk')
  if (body.turn !== chunk.turn || body.chunk !== chunk.chunk) {
    throw failedChunk(chunk, 'it is stored under another turn or number than it says')
  }
  return body
}

function parsed(chunk: JournalChunk): Json {
  try {
    return parseCanonical(chunk.text)
  } catch (cause) {
    throw failedChunk(chunk, 'its text is not canonical JSON', cause)
  }
}

function isChunkBody(value: unknown): value is ChunkBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (Object.keys(value).length !== KEYS.length || !KEYS.every((key) => Object.hasOwn(value, key)))
    return false
  const body = value as Record<(typeof KEYS)[number], unknown>
  const texts = [body.space, body.turn, body.author, body.prev]
  if (body.v !== 1 || !texts.every((text) => typeof text === 'string')) return false
  return Number.isSafeInteger(body.chunk) && Number(body.chunk) >= 0 && Array.isArray(body.entries)
}

function chunkBytes(text: string): Uint8Array {
  return preAuthEncoding(PAYLOAD_TYPES.journal, utf8(text))
}

function failedChunk(chunk: JournalChunk, reason: string, cause?: unknown): CoterieError {
  const which = `Chunk ${chunk.chunk} of the journal of ${chunk.turn}`
  const details = { turn: chunk.turn, chunk: chunk.chunk, reason }
  const options = cause === undefined ? { details } : { details, cause }
  return new CoterieError('COTERIE_VERIFICATION_FAILED', `${which} does not verify: ${reason}.`, options)
}

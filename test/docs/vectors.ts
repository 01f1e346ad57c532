/** Makes the test vectors of `docs/vectors`: the same bytes every time, from keys that anyone can derive. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { toBase64url, toHex, utf8 } from '../../src/core/bytes.ts'
import { canonicalize, parseStrict } from '../../src/core/json.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'
import { inclusionPaths, leafHash, merkleRoot } from '../../src/merkle/tree.ts'
import { keyPairOf } from '../helpers/keys.ts'

/** Everybody who signs something in the vectors. */
const SIGNERS = [OWNER, '@owner 2', 'alice', 'bob', 'bob 2', 'carol', 'client', 'dave', 'erin']

/** A text that must be refused, and why. */
interface Refused {
  readonly text: string
  readonly reason: string
}

const NOT_CANONICAL = 'valid, but not the canonical text of its value'

const CANONICAL: readonly string[] = [
  'null',
  '[]',
  '{}',
  '"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u007f\u2028"',
  '[9007199254740991,-9007199254740991,0]',
  '{"\\r":1,"1":2,"\u0080":3,"\u00f6":4,"\u20ac":5,"\ud83d\ude02":6,"\ufb33":7}',
  `${'['.repeat(64)}${']'.repeat(64)}`,
]

/** Another spelling of a value, which `parseStrict` reads and a signed text must not have. */
const SPELLINGS: readonly string[] = [' {"b": [1, 2], "a": "\\u00e9\\/" } ', '{"z":1,"a":2}', '"\\u001F"']

const REFUSED: readonly Refused[] = [
  { text: '{"a":1,"a":2}', reason: 'a duplicate member' },
  { text: '{"a":1,"\\u0061":2}', reason: 'a duplicate member, once spelled with an escape' },
  { text: '1.0', reason: 'not in integer notation' },
  { text: '1e2', reason: 'not in integer notation' },
  { text: '0.5', reason: 'not an integer' },
  { text: '-0', reason: '-0' },
  { text: '9007199254740992', reason: 'not a safe integer' },
  { text: '"\\ud800"', reason: 'a lone surrogate' },
  { text: '{"\\udc00":1}', reason: 'a lone surrogate in a name' },
  { text: '{"__proto__":1}', reason: 'a member called __proto__' },
  { text: `${'['.repeat(65)}${']'.repeat(65)}`, reason: 'more than 64 levels' },
  { text: '[1,]', reason: 'not JSON' },
  { text: '01', reason: 'not JSON' },
]

/** `canonical.json` */
export function canonicalVectors(): object {
  return {
    about: 'Canonical JSON: docs/reference/formats.md#canonical-json',
    canonical: CANONICAL.map((text) => ({ text, sha256: crypto.sha256(text) })),
    spellings: SPELLINGS.map((text) => {
      return { text, canonical: canonicalize(parseStrict(text)), reason: NOT_CANONICAL }
    }),
    refused: REFUSED,
  }
}

/** `keys.json` */
export function keyVectors(): object {
  const keys = SIGNERS.map((name) => {
    const { id, publicKey } = keyPairOf(name)
    return { name, seed: crypto.sha256(name), publicKey, key: id }
  })
  return {
    about:
      'The keys of all vectors. The secret seed is the SHA-256 of the name: never do that with a key of yours.',
    keys,
  }
}

/** `signatures.json`: pre-authentication encoding, and which signatures hold. */
export function signatureVectors(): object {
  const { publicKey, privateKey } = keyPairOf('alice')
  const payload = '{"a":1}'
  const signed = Object.entries(PAYLOAD_TYPES).map(([kind, type]) => {
    const bytes = preAuthEncoding(type, utf8(payload))
    return { kind, type, payload, pae: toHex(bytes), publicKey, signature: crypto.sign(privateKey, bytes) }
  })
  const [records, journal] = signed
  if (records === undefined || journal === undefined) throw new Error('a payload type is missing')
  const { pae, signature } = records
  return {
    about: 'DSSE and Ed25519: docs/reference/formats.md#signatures',
    signed,
    refused: [
      { reason: 'the signature of another kind of object', pae, publicKey, signature: journal.signature },
      { reason: 'padded', pae, publicKey, signature: `${signature}==` },
      {
        reason: 'bits behind the last byte that are not zero',
        pae,
        publicKey,
        signature: respelled(signature),
      },
      { reason: 'S is not below the order of the group', pae, publicKey, signature: raised(signature) },
      { reason: 'a public key of small order', pae, publicKey: point('01'), signature: point('01', 64) },
      { reason: 'a public key whose y is not below the prime', pae, publicKey: Y_TOO_LARGE, signature },
      { reason: 'another public key', pae, publicKey: keyPairOf('bob').publicKey, signature },
    ],
  }
}

/** `merkle.json` */
export function merkleVectors(): object {
  const sha256 = (data: Uint8Array): string => crypto.sha256(data)
  const leaves = Array.from({ length: 7 }, (_, i) => leafHash(sha256, `record ${i}`))
  const trees = [1, 2, 3, 7].map((size) => {
    const some = leaves.slice(0, size)
    return { size, root: merkleRoot(sha256, some), paths: inclusionPaths(sha256, some) }
  })
  const [leaf = ''] = leaves
  const path = trees[3]?.paths[0] ?? []
  return {
    about: 'RFC 6962 leaf hashes and audit paths: docs/reference/formats.md#one-signature-for-a-batch',
    texts: leaves.map((_, i) => `record ${i}`),
    leaves,
    trees,
    noRoot: [
      { reason: 'the index is not below the size', leaf, index: 7, size: 7, path },
      { reason: 'a step is missing', leaf, index: 0, size: 7, path: path.slice(1) },
      { reason: 'there is a step too many', leaf, index: 0, size: 7, path: [...path, leaf] },
      { reason: 'a step is no hash', leaf, index: 0, size: 7, path: ['00', ...path.slice(1)] },
    ],
  }
}

const Y_TOO_LARGE = toBase64url(
  Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0xee : i === 31 ? 0x7f : 0xff)),
)

/** The last character of 64 bytes in base64url carries two bits; this sets one of the four that carry none. */
export function respelled(signature: string): string {
  const last = signature.at(-1) ?? ''
  return signature.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[last]
}

/** S + L: the same number to a verifier that does not look. */
export function raised(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  let carry = 0n
  let order = 2n ** 252n + 27742317777372353535851937790883648493n
  for (let i = 32; i < 64; i++) {
    const sum = BigInt(bytes[i] ?? 0) + (order & 255n) + carry
    bytes[i] = Number(sum & 255n)
    carry = sum >> 8n
    order >>= 8n
  }
  return bytes.toString('base64url')
}

export function point(firstByte: string, length = 32): string {
  const bytes = Buffer.alloc(length)
  bytes.write(firstByte, 'hex')
  return bytes.toString('base64url')
}

/**
 * Who is at the other end of a connection: both sides sign fresh X25519 keys with their members' keys, and name each
 * other. What follows is authenticated by keys that only these two can derive, so nothing that was recorded,
 * reflected, or meant for somebody else is of any use here.
 *
 * @module
 */

import {
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { utf8 } from '../../core/bytes.ts'
import { canonicalize, parseStrict, type Json } from '../../core/json.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'

/** What a connection is for: messages between replicas, or requests of this member's own tools. */
export type Purpose = 'peer' | 'client'

/** The first words of whoever connects. */
export type Hello = {
  readonly v: 1
  readonly instance: string
  readonly from: string
  readonly to: string
  readonly purpose: Purpose
  /** An X25519 public key (RFC 7748), raw 32 bytes in base64url, used once. */
  readonly ephemeral: string
  readonly nonce: string
}

/** The answer. */
type Welcome = {
  readonly v: 1
  readonly from: string
  readonly ephemeral: string
  /** SHA-256 of the canonical hello. */
  readonly hello: string
}

/** The keys of a connection, one for each direction. */
export interface LinkKeys {
  readonly toServer: Buffer
  readonly toClient: Buffer
}

/** Who speaks, and how keys are found. */
export interface LinkIdentity {
  readonly instance: string
  readonly self: string
  readonly key: KeyPair
  readonly crypto: Crypto
  /** The public key of a member. */
  publicKeyOf(member: string): string | undefined
}

/** Why a hello is refused. */
export type HelloProblem =
  | 'malformed'
  | 'wrong-council'
  | 'wrong-recipient'
  | 'unknown-peer'
  | 'bad-signature'

// RFC 8410: everything before the 32 bytes is constant.
const X25519_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')
const HELLO_CHARS_MAX = 4_096
const HELLO_TYPE = 'application/vnd.coterie.council-hello.v1+json'
const WELCOME_TYPE = 'application/vnd.coterie.council-welcome.v1+json'
const KEY_BYTES = 32
const RAW_KEY = /^[A-Za-z0-9_-]{43}$/

/** The hello that somebody is about to send, and what it takes to understand the answer. */
export interface Greeting {
  readonly hello: Hello
  /** For the header of the request. */
  readonly text: string
  readonly secret: KeyObject
}

/** Makes a hello for a member. */
export function greet(identity: LinkIdentity, to: string, purpose: Purpose): Greeting {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const { instance, self } = identity
  const nonce = randomBytes(16).toString('base64url')
  const hello: Hello = { v: 1, instance, from: self, to, purpose, ephemeral: raw(publicKey), nonce }
  return { hello, text: signed(identity, HELLO_TYPE, hello), secret: privateKey }
}

/** Judges a hello; the answer to send and the keys of the connection, or why it is refused. */
export function answerHello(
  identity: LinkIdentity,
  text: unknown,
): { readonly hello: Hello; readonly answer: string; readonly keys: LinkKeys } | HelloProblem {
  const opened = openedText(text, ['v', 'instance', 'from', 'to', 'purpose', 'ephemeral', 'nonce'])
  if (opened === undefined) return 'malformed'
  const { instance, from, to, purpose, ephemeral } = opened.body
  if (purpose !== 'peer' && purpose !== 'client') return 'malformed'
  if (typeof from !== 'string' || typeof ephemeral !== 'string' || !RAW_KEY.test(ephemeral))
    return 'malformed'
  if (instance !== identity.instance) return 'wrong-council'
  if (to !== identity.self) return 'wrong-recipient'
  // A member's tools prove that they have the member's key; another member is not served as one.
  if ((purpose === 'client') !== (from === identity.self)) return 'unknown-peer'
  const publicKey = identity.publicKeyOf(from)
  if (publicKey === undefined) return 'unknown-peer'
  if (!identity.crypto.verify(publicKey, bytesOf(HELLO_TYPE, opened.body), opened.signature))
    return 'bad-signature'
  const hello = opened.body as unknown as Hello
  const pair = generateKeyPairSync('x25519')
  const welcome: Welcome = {
    v: 1,
    from: identity.self,
    ephemeral: raw(pair.publicKey),
    hello: sha256(canonicalize(hello)),
  }
  const keys = deriveKeys(pair.privateKey, ephemeral, hello, welcome)
  if (keys === undefined) return 'malformed'
  return { hello, answer: signed(identity, WELCOME_TYPE, welcome), keys }
}

/** The keys of a connection, when the answer is the right member's answer to this very hello. */
export function acceptWelcome(
  identity: LinkIdentity,
  greeting: Greeting,
  text: unknown,
): LinkKeys | undefined {
  const opened = openedText(text, ['v', 'from', 'ephemeral', 'hello'])
  if (opened === undefined) return undefined
  const { from, ephemeral, hello } = opened.body
  if (from !== greeting.hello.to || hello !== sha256(canonicalize(greeting.hello))) return undefined
  if (typeof ephemeral !== 'string' || !RAW_KEY.test(ephemeral)) return undefined
  const publicKey = identity.publicKeyOf(greeting.hello.to) ?? ''
  if (!identity.crypto.verify(publicKey, bytesOf(WELCOME_TYPE, opened.body), opened.signature))
    return undefined
  return deriveKeys(greeting.secret, ephemeral, greeting.hello, opened.body as unknown as Welcome)
}

/** HKDF (RFC 5869) over the shared secret, salted with all that was said. */
function deriveKeys(
  secret: KeyObject,
  ephemeral: string,
  hello: Hello,
  welcome: Welcome,
): LinkKeys | undefined {
  try {
    const der = Buffer.concat([X25519_PREFIX, Buffer.from(ephemeral, 'base64url')])
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
    const shared = diffieHellman({ privateKey: secret, publicKey })
    const salt = hash('sha256', canonicalize([hello, welcome]), 'buffer')
    const bytes = Buffer.from(hkdfSync('sha256', shared, salt, 'coterie council link v1', 2 * KEY_BYTES))
    return { toServer: bytes.subarray(0, KEY_BYTES), toClient: bytes.subarray(KEY_BYTES) }
  } catch {
    // A point of small order has no shared secret.
    return undefined
  }
}

function signed(identity: LinkIdentity, type: string, body: Json): string {
  const signature = identity.crypto.sign(identity.key.privateKey, bytesOf(type, body))
  return Buffer.from(canonicalize({ body, signature })).toString('base64url')
}

function openedText(
  text: unknown,
  keys: readonly string[],
): { readonly body: { readonly [key: string]: Json }; readonly signature: string } | undefined {
  if (typeof text !== 'string' || text.length > HELLO_CHARS_MAX) return undefined
  try {
    const value = parseStrict(Buffer.from(text, 'base64url').toString('utf8'))
    if (!isObject(value) || typeof value['signature'] !== 'string' || !isObject(value['body']))
      return undefined
    const { body, signature } = value
    const isWhole = Object.keys(body).length === keys.length && keys.every((key) => Object.hasOwn(body, key))
    return isWhole && body['v'] === 1 ? { body, signature } : undefined
  } catch {
    return undefined
  }
}

/** The DSSE encoding of the canonical body: the same as for everything else that members sign. */
function bytesOf(type: string, body: Json): Uint8Array {
  const payload = utf8(canonicalize(body))
  return Buffer.concat([utf8(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload])
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function raw(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(X25519_PREFIX.length).toString('base64url')
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}

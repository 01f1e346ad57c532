/**
 * A message between replicas of a council that live in one space: some texts of the protocol, signed with the sender's
 * key of the council. The space says from which agent it is; this signature says so without trusting the space's owner.
 *
 * @module
 */

import { utf8 } from '../../core/bytes.ts'
import { canonicalize } from '../../core/json.ts'
import { preAuthEncoding } from '../../log/dsse.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'

/** From whom to whom, and where. */
export interface MailRoute {
  readonly instance: string
  /** The id of the space. */
  readonly space: string
  readonly from: string
  readonly to: string
}

/** A text too long for one mail goes in several, one after the other: this is number `at`, from 0, `of` so many. */
export type MailPart = { readonly at: number; readonly of: number }

/** The payload: `coterie.council-mail` version 1. */
export type CouncilMail = {
  readonly v: 1
  readonly type: 'coterie.council-mail'
  readonly instance: string
  readonly from: string
  readonly to: string
  /** The run of the sender, and the number of the mail in it for this recipient, from 1. */
  readonly run: string
  readonly number: number
  readonly texts: readonly string[]
  /** Which part of a longer text it is, when it is one: then it is the only text. */
  readonly part: MailPart | null
  /** By the sender's key of the council. */
  readonly signature: string
}

type Unsigned = Omit<CouncilMail, 'signature'>

const MAIL_TYPE = 'application/vnd.coterie.council-mail.v1+json'
const KEYS = ['v', 'type', 'instance', 'from', 'to', 'run', 'number', 'texts', 'part', 'signature']
const RUN = /^[0-9a-f]{32}$/
/** Texts in one mail. */
const MAIL_TEXTS_MAX = 1_024
/** Parts of one text. */
const PARTS_MAX = 4_096
/** The longest text of the protocol that is taken, in characters. */
export const TEXT_CHARS_MAX: number = 12 * 1024 * 1024

/** Signs a mail. */
export function signMail(crypto: Crypto, key: KeyPair, space: string, mail: Unsigned): CouncilMail {
  return { ...mail, signature: crypto.sign(key.privateKey, mailBytes(crypto, space, mail)) }
}

/**
 * The mail that a payload is, when the member with this key has sent it to this one, here. It accepts anything, and
 * never throws.
 */
export function readMail(
  crypto: Crypto,
  route: MailRoute,
  publicKey: string,
  payload: unknown,
): CouncilMail | undefined {
  if (!isMail(payload)) return undefined
  const { instance, from, to, signature } = payload
  if (instance !== route.instance || from !== route.from || to !== route.to) return undefined
  return crypto.verify(publicKey, mailBytes(crypto, route.space, payload), signature) ? payload : undefined
}

// The texts are long: they are signed by their hash, and the rest as it is.
function mailBytes(
  crypto: Crypto,
  space: string,
  { instance, from, to, run, number, texts, part }: Unsigned,
): Uint8Array {
  const sha256 = crypto.sha256(JSON.stringify(texts))
  const signed = { type: 'mail', instance, space, from, to, run, number, part, texts: sha256 }
  return preAuthEncoding(MAIL_TYPE, utf8(canonicalize(signed)))
}

function isMail(value: unknown): value is CouncilMail {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const one = value as Readonly<Record<string, unknown>>
  if (Object.keys(one).length !== KEYS.length || !KEYS.every((key) => Object.hasOwn(one, key))) return false
  const { v, type, instance, from, to, run, number, texts, part, signature } = one
  const isText = (text: unknown): boolean => typeof text === 'string'
  if (v !== 1 || type !== 'coterie.council-mail') return false
  if (![instance, from, to, signature].every(isText) || typeof run !== 'string' || !RUN.test(run))
    return false
  if (!Number.isSafeInteger(number) || Number(number) < 1) return false
  if (!Array.isArray(texts) || texts.length > MAIL_TEXTS_MAX || !texts.every(isText)) return false
  if (texts.reduce((sum: number, { length }: string) => sum + length, 0) > TEXT_CHARS_MAX) return false
  return part === null || (texts.length === 1 && isPart(part))
}

function isPart(value: unknown): value is MailPart {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return false
  const { at, of } = value as Readonly<Record<string, unknown>>
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(of)) return false
  return Number(at) >= 0 && Number(of) > Number(at) && Number(of) <= PARTS_MAX
}

/** A text on its way: whole, or one of its parts. */
export interface Piece {
  readonly text: string
  readonly part: MailPart | null
}

/** A text as the pieces that fit into mails. */
export function piecesOf(text: string, charsMax: number): readonly Piece[] {
  if (text.length <= charsMax) return [{ text, part: null }]
  const texts: string[] = []
  for (let start = 0; start < text.length;) {
    const end = start + charsMax
    // A pair of surrogates is not cut in two: half of one has no canonical form.
    const cut = end < text.length && isHighSurrogate(text.charCodeAt(end - 1)) ? end - 1 : end
    texts.push(text.slice(start, cut))
    start = cut
  }
  return texts.map((piece, at) => ({ text: piece, part: { at, of: texts.length } }))
}

/** Takes what goes into one mail from the front of a queue: whole texts, or one part. */
export function takeMail(queue: Piece[], charsMax: number): Pick<CouncilMail, 'texts' | 'part'> {
  const first = queue.shift()
  if (first === undefined) return { texts: [], part: null }
  const texts = [first.text]
  let chars = first.text.length
  for (let next = queue[0]; first.part === null && next?.part === null; next = queue[0]) {
    chars += next.text.length
    if (chars > charsMax || texts.length >= MAIL_TEXTS_MAX) break
    texts.push(next.text)
    queue.shift()
  }
  return { texts, part: first.part }
}

/** Puts the texts of one sender together again. What lacks a part is dropped: the protocol says it again. */
export class TextAssembly {
  #run = ''
  #number = 0
  #parts: string[] = []
  #chars = 0

  /** The texts that are whole with this mail. */
  take({ run, number, texts, part }: CouncilMail): readonly string[] {
    const follows = run === this.#run && number === this.#number + 1
    this.#run = run
    this.#number = number
    const isNext = part !== null && (part.at === 0 || (follows && part.at === this.#parts.length))
    if (!isNext || part.at === 0) this.#clear()
    if (part === null) return texts
    const [text = ''] = texts
    this.#chars += text.length
    if (!isNext || this.#chars > TEXT_CHARS_MAX) {
      this.#clear()
      return []
    }
    this.#parts.push(text)
    if (this.#parts.length < part.of) return []
    const whole = this.#parts.join('')
    this.#clear()
    return [whole]
  }

  #clear(): void {
    this.#parts = []
    this.#chars = 0
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

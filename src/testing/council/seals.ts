/**
 * Cryptography for simulated councils: an ideal one that writes no bytes, and the real one for some of the runs.
 *
 * @module
 */

import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { councilCrypto, type CouncilCrypto, type DigestKind } from '../../bft/crypto.ts'
import { statementBytes, type Signed, type Statement } from '../../bft/statements.ts'
import type { PrivateKey } from '../../ports/crypto.ts'
import type { Prng } from '../simulation/prng.ts'

/** A key pair of a simulated member. */
export interface SealKey {
  readonly publicKey: string
  sign(statement: Statement): string
}

/** A {@link CouncilCrypto} that also makes keys. */
export interface Seals extends CouncilCrypto {
  makeKey(prng: Prng): SealKey
}

/** Ed25519 and SHA-256. */
export function realSeals(): Seals {
  return {
    ...councilCrypto(nodeCrypto),
    makeKey(prng) {
      const { publicKey, privateKey } = nodeCrypto.keyPair(prng.bytes(32)) as {
        readonly publicKey: string
        readonly privateKey: PrivateKey
      }
      return { publicKey, sign: (statement) => nodeCrypto.sign(privateKey, statementBytes(statement)) }
    },
  }
}

/**
 * Ideal signatures and hashes: a signature is a number in a table of what was signed by whom, a digest a number for
 * each different text. Nobody in a simulation makes one but through `sign`.
 */
export function idealSeals(): Seals {
  const names = new Map<string, string>()
  const byObject = new WeakMap<object, string>()
  const table: { readonly publicKey: string; readonly statement: Statement }[] = []
  const name = (kind: DigestKind, text: string): string => {
    let found = names.get(text)
    if (found === undefined) {
      found = `${kind.slice(0, 2)}${names.size}`
      names.set(text, found)
    }
    return found
  }
  return {
    digest(kind, value) {
      if (typeof value !== 'object' || value === null) return name(kind, kind + JSON.stringify(value))
      // Written by hand where it is called for every message or decision: JSON is most of the time of a run.
      if (kind === 'proposal')
        return name(kind, `proposal ${(Object.values(value) as readonly (string | number)[]).join(' ')}`)
      // Objects travel by reference, and nobody changes them: each is looked at once.
      let found = byObject.get(value)
      if (found === undefined) {
        found = name(kind, kind + JSON.stringify(value))
        byObject.set(value, found)
      }
      return found
    },
    verify(publicKey, statement, signature) {
      const signed = table[Number(signature)]
      return signed !== undefined && signed.publicKey === publicKey && isSame(signed.statement, statement)
    },
    makeKey(prng) {
      const publicKey = Buffer.from(prng.bytes(32)).toString('base64url')
      const made = new Map<string, string>()
      // The same statement gets the same signature, as with Ed25519.
      const sign = (statement: Statement): string => {
        const text =
          'wanted' in statement || 'body' in statement
            ? textOf(statement)
            : Object.values(statement).join(' ')
        let signature = made.get(text)
        if (signature === undefined) {
          signature = String(table.push({ publicKey, statement }) - 1)
          made.set(text, signature)
        }
        return signature
      }
      return { publicKey, sign }
    },
  }
}

function isSame(one: Statement, other: Statement): boolean {
  if (one.type !== other.type || one.instance !== other.instance) return false
  if (one.type === 'status' && other.type === 'status') {
    return (
      one.from === other.from &&
      one.height === other.height &&
      one.view === other.view &&
      one.nonce === other.nonce
    )
  }
  if (!('view' in one) || !('sender' in one) || !('view' in other) || !('sender' in other)) {
    return textOf(one) === textOf(other)
  }
  if (one.height !== other.height || one.view !== other.view || one.sender !== other.sender) return false
  if (one.epoch !== other.epoch || one.membership !== other.membership) return false
  if (one.type === 'complaint' && other.type === 'complaint') return one.leader === other.leader
  if ('proposal' in one && 'proposal' in other && one.proposal !== other.proposal) return false
  return !('value' in one && 'value' in other) || one.value === other.value
}

const texts = new WeakMap<Statement, string>()

function textOf(statement: Statement): string {
  let text = texts.get(statement)
  if (text === undefined) {
    const { signature: _, ...body } = statement as Signed<Statement>
    text = JSON.stringify(body)
    texts.set(statement, text)
  }
  return text
}

/**
 * Cryptography for simulated councils: an ideal one that writes no bytes, and the real one for some of the runs.
 *
 * @module
 */

import { nodeCrypto } from '../../adapters/node/crypto.ts'
import type { Json } from '../../core/json.ts'
import { councilCrypto, type CouncilCrypto, type DigestKind } from '../../bft/crypto.ts'
import { statementBytes, type Statement } from '../../bft/statements.ts'
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
 * Ideal signatures and hashes: a signature is the key and the statement, a digest a number for each different text.
 * Nobody in a simulation makes one but through `sign`.
 */
export function idealSeals(): Seals {
  const names = new Map<string, string>()
  const byObject = new WeakMap<object, string>()
  const texts = new WeakMap<object, string>()
  const name = (kind: DigestKind, value: Json): string => {
    const text = kind + JSON.stringify(value)
    let found = names.get(text)
    if (found === undefined) {
      found = `${kind.slice(0, 2)}${names.size}`
      names.set(text, found)
    }
    return found
  }
  return {
    digest(kind, value) {
      // Values and justifications travel by reference, and nobody changes them: they are looked at once.
      if ((kind !== 'value' && kind !== 'justification') || typeof value !== 'object' || value === null) {
        return name(kind, value)
      }
      let found = byObject.get(value)
      if (found === undefined) {
        found = name(kind, value)
        byObject.set(value, found)
      }
      return found
    },
    verify: (publicKey, statement, signature) => signature === publicKey + textOf(texts, statement),
    makeKey(prng) {
      const publicKey = Buffer.from(prng.bytes(32)).toString('base64url')
      return { publicKey, sign: (statement) => publicKey + textOf(texts, statement) }
    },
  }
}

function textOf(texts: WeakMap<object, string>, statement: Statement): string {
  switch (statement.type) {
    case 'notarize':
    case 'finalize':
      return `${placeText(statement)} ${statement.proposal} ${statement.value}`
    case 'propose':
      return `${placeText(statement)} ${statement.proposal}`
    case 'nullify':
      return placeText(statement)
    case 'complaint':
      return `${placeText(statement)} ${statement.leader}`
    default: {
      let text = texts.get(statement)
      if (text === undefined) {
        text = JSON.stringify(statement, (key, value: unknown) => (key === 'signature' ? undefined : value))
        texts.set(statement, text)
      }
      return text
    }
  }
}

function placeText(said: Extract<Statement, { view: number; sender: number }>): string {
  const { type, instance, epoch, membership, height, view, sender } = said
  return ` ${type} ${instance} ${epoch} ${membership} ${height} ${view} ${sender}`
}

import { utf8 } from '../core/bytes.ts'
import { canonicalize, type Json } from '../core/json.ts'
import { preAuthEncoding } from '../log/dsse.ts'
import type { Crypto } from '../ports/crypto.ts'
import { statementBytes, type Statement } from './statements.ts'

/** What is hashed. Each kind has its own domain. */
export type DigestKind = 'membership' | 'value' | 'justification' | 'proposal' | 'state' | 'change'

/**
 * The cryptography that the rules of a council need, on the level of statements: a simulation can put a table of
 * ideal signatures in its place, and need not write a byte.
 */
export interface CouncilCrypto {
  /** A collision-free name of a value. */
  digest(kind: DigestKind, value: Json): string
  /** Whether the key's holder signed the statement. False for anything else; never throws. */
  verify(publicKey: string, statement: Statement, signature: string): boolean
}

/** SHA-256 and Ed25519 over the canonical bytes. */
export function councilCrypto(crypto: Crypto): CouncilCrypto {
  return {
    digest(kind, value) {
      const type = `application/vnd.coterie.council-${kind}.v1+json`
      return crypto.sha256(preAuthEncoding(type, utf8(canonicalize(value))))
    },
    verify(publicKey, statement, signature) {
      try {
        return crypto.verify(publicKey, statementBytes(statement), signature)
      } catch {
        // The statement has no canonical form, so nobody can have signed it.
        return false
      }
    },
  }
}

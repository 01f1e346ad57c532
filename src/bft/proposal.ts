import type { Certificate } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import type { OperationText, Propose, Scope, Signed } from './statements.ts'

/** An operation with its author's signature. */
export type Operation = Signed<OperationText>

/** Proof that the leader of a view was slow: more weight than may lie says so. */
export type ComplaintSet = {
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly signers: readonly number[]
  readonly signatures: readonly string[]
}

/** What is agreed on at one height. */
export type Value = {
  readonly height: number
  /** The digest of the value decided at the height before; empty at the first. */
  readonly previous: string
  /** The digest of the state after the height before, so that a decision is a checkpoint of it. */
  readonly stateRoot: string
  readonly operations: readonly Operation[]
  readonly complaints: readonly ComplaintSet[]
}

/**
 * Why a value may be proposed in a view: one certificate for each view before it, in order. Each is a nullification,
 * or a notarisation of the very value that is proposed now (docs/adr/0011-councils.md).
 */
export type Justification = readonly Certificate[]

/** A leader's proposal with all that is needed to judge it. */
export type Proposal = {
  readonly statement: Signed<Propose>
  readonly value: Value
  readonly justification: Justification
  /** The finalisation of the height before, for those who lack it. Not part of what is signed. */
  readonly previous: Certificate | null
}

/** The digest of a value. */
export function valueDigest(crypto: CouncilCrypto, value: Value): string {
  return crypto.digest('value', value)
}

/** The digest of a proposal: it binds the place, the value and the justification, but not who proposes. */
export function proposalDigest(
  crypto: CouncilCrypto,
  scope: Scope & { readonly height: number; readonly view: number },
  value: string,
  justification: Justification,
): string {
  const { instance, epoch, membership, height, view } = scope
  // By what is there, not by the view: whatever somebody attaches to a proposal must change its digest.
  const justified = justification.length === 0 ? '' : crypto.digest('justification', justification)
  return crypto.digest('proposal', {
    instance,
    epoch,
    membership,
    height,
    view,
    value,
    justification: justified,
  })
}

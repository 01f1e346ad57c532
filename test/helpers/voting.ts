import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import {
  ballotBytes,
  proposalHash,
  type Ballot,
  type Proposal,
  type SignedBallot,
} from '../../src/voting/ballot.ts'
import type { TrustedKey } from '../../src/voting/certificate.ts'
import { commitmentBytes, sealHash, type SignedCommitment } from '../../src/voting/sealed.ts'
import { majority } from '../../src/voting/rule.ts'
import { keyPairOf } from './keys.ts'

export const MEMBERS: readonly string[] = ['alice', 'bob', 'carol', 'dave', 'erin']

/** A proposal to the first members, whose keys are derived from their names. */
export function proposalOf(size: number, changes: Partial<Proposal> = {}): Proposal {
  return {
    v: 1,
    space: 'main',
    decision: 'd-1',
    question: 'Release 1.3.0?',
    subject: { name: 'left-pad', version: '1.3.0' },
    options: ['yes', 'no'],
    rule: majority(),
    electorate: MEMBERS.slice(0, size).map((member) => {
      const { id, publicKey } = keyPairOf(member)
      return { member, key: id, publicKey }
    }),
    deadline: null,
    ...changes,
  }
}

/** A ballot that is valid but for the changes, which are made before it is signed. */
export function castBy(
  member: string,
  proposal: Proposal,
  choice: Ballot['choice'],
  changes: Partial<Ballot> = {},
): SignedBallot {
  const { id, privateKey } = keyPairOf(member)
  const { space, decision } = proposal
  const hash = proposalHash(nodeCrypto, proposal)
  const honest: Ballot = { v: 1, space, decision, proposal: hash, member, key: id, choice, reason: '' }
  const ballot: Ballot = { ...honest, ...changes }
  return { ballot, signature: nodeCrypto.sign(privateKey, ballotBytes(ballot)) }
}

/** A sealed ballot: the commitment to it, and the ballot as it is shown once the commitments are closed. */
export function sealBy(
  member: string,
  proposal: Proposal,
  choice: Ballot['choice'],
  changes: Partial<Ballot> = {},
): { readonly committed: SignedCommitment; show(close: string, later?: Partial<Ballot>): SignedBallot } {
  const { id, privateKey } = keyPairOf(member)
  const nonce = Buffer.from(nodeCrypto.sha256(`nonce of ${member}`), 'hex').toString('base64url')
  const { ballot } = castBy(member, proposal, choice, { nonce, ...changes })
  const { v, space, decision, proposal: hash } = ballot
  const sha256 = sealHash(nodeCrypto, ballot)
  const commitment = { v, space, decision, proposal: hash, member, key: id, sha256 }
  const signature = nodeCrypto.sign(privateKey, commitmentBytes(commitment))
  return {
    committed: { commitment, signature },
    show(close, later = {}) {
      const shown = { ...ballot, close, ...later }
      return { ballot: shown, signature: nodeCrypto.sign(privateKey, ballotBytes(shown)) }
    },
  }
}

/** The keys of all members, as one who knows them would trust them. */
export function trustedKeys(): Map<string, TrustedKey> {
  return new Map(
    MEMBERS.map((agent) => {
      const { id, publicKey } = keyPairOf(agent)
      return [id, { agent, publicKey }]
    }),
  )
}

/**
 * Evidence against members as a document that anybody can check offline.
 *
 * @module
 */

import type { CouncilCrypto } from '../bft/crypto.ts'
import { verifyEvidence, type Evidence } from '../bft/evidence.ts'
import { isMessageShape } from '../bft/shape.ts'
import type { Membership } from '../bft/membership.ts'
import { canonicalize, type Json } from '../core/json.ts'
import { followChanges, type ChangeLink } from './chain.ts'
import { membershipOf, type Roster } from './roster.ts'

/** The document: `coterie.council-evidence` version 1. */
export type EvidenceFile = {
  readonly v: 1
  readonly type: 'coterie.council-evidence'
  readonly instance: string
  readonly evidence: readonly Evidence[]
  /** How the members have changed, for evidence of later epochs than the first; see `chain.ts`. */
  readonly changes?: readonly ChangeLink[]
}

/** What one piece of evidence proves. */
export type ProvenOffence = {
  readonly culprit: string
  /** A phrase: "notarised two proposals in one view". */
  readonly offence: string
  readonly height: number
  readonly view: number
}

/** What a document proves, or why one of its pieces proves nothing. */
export type EvidenceFileVerdict =
  | { readonly ok: true; readonly proven: readonly ProvenOffence[] }
  | { readonly ok: false; readonly problem: string }

const EVIDENCE_MAX = 10_000
const EMPTY_VALUE = { height: 1, previous: '', stateRoot: '0', operations: [], complaints: [] }

/** Checks a document that came from anywhere against the members of a council. It never throws. */
export function verifyEvidenceFile(
  crypto: CouncilCrypto,
  roster: Roster,
  file: unknown,
): EvidenceFileVerdict {
  const claimed = snapshot(file)
  if (!isEvidenceFile(claimed)) return { ok: false, problem: 'it is no evidence from a council' }
  if (claimed.instance !== roster.instance) return { ok: false, problem: 'it is from another council' }
  const memberships = membershipsOf(crypto, roster, claimed.changes ?? [])
  if (typeof memberships === 'string') return { ok: false, problem: memberships }
  const proven: ProvenOffence[] = []
  for (const [at, evidence] of claimed.evidence.entries()) {
    const isWhole = isEvidence(evidence)
    const { height, view, epoch } = isWhole ? voteOf(evidence) : NO_VOTE
    const membership = memberships[epoch] ?? memberships[0]
    const verdict = isWhole
      ? verifyEvidence(crypto, membership, roster.instance, evidence)
      : ({ ok: false, problem: 'it is malformed' } as const)
    if (!verdict.ok) return { ok: false, problem: `piece ${at + 1} proves nothing: ${verdict.problem}` }
    const culprit = membership.members[verdict.culprit]?.id ?? ''
    proven.push({ culprit, offence: verdict.offence, height, view })
  }
  return { ok: true, proven }
}

/** The members of each epoch: as the file of those who verify says, and beyond it as the document proves. */
function membershipsOf(
  crypto: CouncilCrypto,
  roster: Roster,
  changes: readonly ChangeLink[],
): readonly [Membership, ...Membership[]] | string {
  const first = membershipOf(crypto, roster)
  const own = roster.changes ?? []
  const links = [...own, ...changes.slice(own.length)]
  const verdict = followChanges(crypto, roster.instance, first, links)
  return verdict.ok ? [first, ...verdict.epochs.map(({ membership }) => membership)] : verdict.problem
}

const NO_VOTE = { height: 0, view: 0, epoch: 0 }

function voteOf(evidence: Evidence): {
  readonly height: number
  readonly view: number
  readonly epoch: number
} {
  return evidence.type === 'contradiction' ? evidence.first : evidence.vote
}

function isEvidenceFile(value: unknown): value is EvidenceFile {
  const { changes = [], ...rest } = (value ?? {}) as { readonly changes?: unknown }
  return Array.isArray(changes) && isPlainEvidenceFile(rest)
}

function isPlainEvidenceFile(value: unknown): boolean {
  if (!hasOnly(value, ['v', 'type', 'instance', 'evidence'])) return false
  if (value['v'] !== 1 || value['type'] !== 'coterie.council-evidence') return false
  const { evidence } = value
  return Array.isArray(evidence) && evidence.length <= EVIDENCE_MAX
}

function isEvidence(value: unknown): value is Evidence {
  if (hasOnly(value, ['type', 'first', 'second'])) {
    return value['type'] === 'contradiction' && isVote(value['first']) && isVote(value['second'])
  }
  if (!hasOnly(value, ['type', 'vote', 'value', 'justification']) || value['type'] !== 'unjustified')
    return false
  const { justification } = value
  if (typeof value['value'] !== 'string' || !Array.isArray(justification)) return false
  return (
    isVote(value['vote']) &&
    justification.every((certificate) => isMessageShape({ type: 'certificate', certificate }))
  )
}

/** A vote by itself, or the statement of a proposal. */
function isVote(value: unknown): boolean {
  const proposal = { statement: value, value: EMPTY_VALUE, justification: [], previous: null }
  return isMessageShape({ type: 'vote', vote: value }) || isMessageShape({ type: 'proposal', proposal })
}

function snapshot(value: unknown): unknown {
  try {
    return JSON.parse(canonicalize(value as Json))
  } catch {
    return undefined
  }
}

function hasOnly(value: unknown, keys: readonly string[]): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
}

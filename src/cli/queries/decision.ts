/**
 * A decision with its certificate, checked against the record that holds it and against the members' keys.
 *
 * @module
 */

import { turnOf } from '../../core/ids.ts'
import { CoterieError } from '../../core/errors.ts'
import { keysBefore } from '../../log/registry.ts'
import type { MessageRow } from '../../ports/store.ts'
import { choiceText } from '../../voting/ballot.ts'
import { verifyCertificate } from '../../voting/certificate.ts'
import type { Certificate } from '../../voting/certificate.ts'
import type { Why } from '../../voting/outcome.ts'
import type { Evidence, Proof } from './evidence.ts'
import { readTurn } from './turn.ts'

/** How many messages of the deciding turn are looked through for the questions to the members. */
const QUESTIONS_MAX = 2_000

/** One ballot as it is shown. */
export interface BallotView {
  readonly member: string
  readonly choice: string
  readonly reason: string
  /** The member's turn that signed it, when it is in this space. */
  readonly turn: string | null
  /** What that turn logged. */
  readonly reasons: readonly string[]
}

/** A decision as it is shown. */
export interface DecisionView {
  readonly id: string
  /** The turn that decided. */
  readonly turn: string | null
  readonly question: string
  readonly subject: unknown
  readonly options: readonly string[]
  readonly outcome: string
  readonly counts: Readonly<Record<string, number>>
  readonly needed: number
  readonly total: number
  /** Why the outcome is not simply that of the count: a tie, no quorum, a veto, too few model families. */
  readonly why: Why | null
  /** The rule gave no outcome, and this is what was to hold then. */
  readonly otherwise: boolean
  readonly ballots: readonly BallotView[]
  /** Members who signed two different ballots. */
  readonly void: readonly string[]
  /** Members who committed themselves to a sealed ballot and did not show it. */
  readonly withheld: readonly string[]
  /** Members whose ballot does not count. */
  readonly refused: readonly { readonly member: string; readonly problem: string }[]
  /** Members of whom there is no ballot. */
  readonly silent: readonly string[]
  readonly decidedAt: number
  readonly proof: Proof
  readonly certificate: { readonly verified: boolean; readonly problem: string | null }
}

/** A decision by its id. Throws COTERIE_NOT_FOUND, and COTERIE_INVALID_CERTIFICATE when it cannot be read. */
export async function readDecision(evidence: Evidence, id: string): Promise<DecisionView> {
  const kept = await evidence.store.decision(id)
  if (kept === undefined) {
    throw new CoterieError('COTERIE_NOT_FOUND', `There is no decision "${id}" in this space.`, {
      details: { id },
    })
  }
  const { proof, body } = await evidence.at(kept.position)
  const listed = body?.decisions?.find((entry) => entry.id === id)
  const turn = body?.turn?.id ?? null
  const claimed = parse(kept.certificate, id)
  const verdict = verifyCertificate(evidence.crypto, claimed, keysBefore(evidence.registry, kept.position))
  let problem = verdict.ok ? null : verdict.problem
  if (listed?.sha256 !== evidence.crypto.sha256(kept.certificate)) {
    problem = 'the record does not list this certificate'
  } else if (verdict.ok && verdict.certificate.proposal.decision !== id) {
    problem = 'the certificate is that of another decision'
  } else if (verdict.ok && verdict.certificate.proposal.space !== evidence.store.id) {
    problem = 'the certificate belongs to another space'
  }
  // What does not verify is not passed on: it cannot even be counted on to have any form.
  if (body === undefined) return unreadable(id, turn, proof, 'the record that holds it does not verify')
  if (!verdict.ok) return unreadable(id, turn, proof, problem)
  const ballots = await ballotsOf(evidence, verdict.certificate, turn)
  return {
    ...counted(verdict.certificate, ballots),
    id,
    turn,
    proof,
    certificate: { verified: problem === null, problem },
  }
}

type Counted = Omit<DecisionView, 'id' | 'turn' | 'proof' | 'certificate'>

function counted(
  { proposal, tally, outcome, decidedAt }: Certificate,
  ballots: readonly BallotView[],
): Counted {
  const heard = new Set([...ballots.map(({ member }) => member), ...tally.void])
  return {
    question: proposal.question,
    subject: proposal.subject ?? null,
    options: proposal.options,
    outcome,
    counts: tally.counts,
    needed: tally.needed,
    total: tally.total,
    why: tally.why ?? null,
    otherwise: tally.otherwise === true,
    withheld: tally.withheld ?? [],
    ballots,
    void: tally.void,
    refused: tally.refused,
    silent: proposal.electorate.map(({ member }) => member).filter((member) => !heard.has(member)),
    decidedAt,
  }
}

function unreadable(id: string, turn: string | null, proof: Proof, problem: string | null): DecisionView {
  return {
    id,
    turn,
    question: '',
    subject: null,
    options: [],
    outcome: 'unknown',
    counts: {},
    needed: 0,
    total: 0,
    why: null,
    otherwise: false,
    withheld: [],
    ballots: [],
    void: [],
    refused: [],
    silent: [],
    decidedAt: 0,
    proof,
    certificate: { verified: false, problem },
  }
}

async function ballotsOf(
  evidence: Evidence,
  { proposal, ballots }: Certificate,
  turn: string | null,
): Promise<readonly BallotView[]> {
  const questions = new Map<string, MessageRow>()
  if (turn !== null) {
    for (const row of await evidence.store.messagesOf({ cause: turn, limit: QUESTIONS_MAX })) {
      if (asksFor(row, proposal.decision)) questions.set(row.envelope.to, row)
    }
  }
  const views: BallotView[] = []
  for (const { ballot } of ballots) {
    const { member, choice, reason } = ballot
    const question = questions.get(member)
    const read = question === undefined ? null : await readTurn(evidence, question)
    const reasons = read?.segments.flatMap((segment) => segment.reasons) ?? []
    // The runtime logs the vote itself as the last reason: the ballot says the same, and is signed for it.
    const own = reasons.filter((text) => text !== `votes ${choiceText(choice)}: ${reason}`)
    views.push({
      member,
      choice: choiceText(choice),
      reason,
      turn: question === undefined ? null : turnOf(question.envelope.id),
      reasons: own,
    })
  }
  return views
}

function asksFor(row: MessageRow, decision: string): boolean {
  if (row.envelope.kind !== 'ask' || !row.payload.includes(decision)) return false
  const payload = JSON.parse(row.payload) as { readonly decision?: unknown } | null
  return payload?.decision === decision
}

function parse(text: string, id: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CoterieError('COTERIE_INVALID_CERTIFICATE', `The certificate of ${id} is not JSON.`, { cause })
  }
}

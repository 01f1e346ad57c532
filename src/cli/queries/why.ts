/**
 * Why something happened: the message that was asked about, the turn that handled it, and backwards from cause to
 * cause to where it came from. Every edge is a recorded fact; nothing is inferred from timing.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { messageOf } from '../../core/ids.ts'
import type { MessageRow, SpaceStore } from '../../ports/store.ts'
import { readDecision } from './decision.ts'
import type { DecisionView } from './decision.ts'
import type { Evidence, Proof } from './evidence.ts'
import { lookUp } from './lookup.ts'
import type { Found } from './lookup.ts'
import { messageView } from './message.ts'
import type { MessageView } from './message.ts'
import { readTurn } from './turn.ts'
import type { TurnView } from './turn.ts'

/** One link of the causal chain: a message, and the turn that handled it. */
export interface WhyLink {
  readonly message: MessageView
  readonly proof: Proof
  readonly turn: TurnView | null
  /** Where the messages that the turn sent went. */
  readonly sent: readonly {
    readonly id: string
    readonly kind: string
    readonly to: string
    readonly handler: string
  }[]
  /**
   * What had been sent to the agent before the turn ended, and was not handled by then: what it did not know.
   * Looked up for the first link only.
   */
  readonly unseen: readonly { readonly id: string; readonly from: string; readonly handler: string }[]
}

/** Everything that `why` shows. */
export interface WhyReport {
  readonly v: 1
  readonly space: { readonly name: string; readonly id: string }
  readonly asked: Found
  readonly decision: DecisionView | null
  /** What was asked about first, the beginning of it all last. */
  readonly chain: readonly WhyLink[]
  /** True when the chain is longer than was asked for. */
  readonly cut: boolean
  readonly proof: {
    readonly records: number
    readonly verified: number
    readonly problems: readonly { readonly position: number; readonly problem: string }[]
  }
}

/** How many links are followed, by default. */
export const DEPTH_DEFAULT = 50

const SENT_MAX = 1_000
const UNSEEN_SEARCHED_MAX = 20_000
const UNSEEN_PAGE = 500

/**
 * Finds out why. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_ARGUMENT for an ambiguous beginning or a trace, and
 * COTERIE_VERIFICATION_FAILED when the owner's chain does not hold; what else does not verify is in the report.
 */
export async function readWhy(
  evidence: Evidence,
  text: string,
  depth: number = DEPTH_DEFAULT,
): Promise<WhyReport> {
  const { store } = evidence
  const asked = await lookUp(store, text)
  const decision = asked.kind === 'decision' ? await readDecision(evidence, asked.id) : null
  const first = firstMessage(asked, decision)
  const chain: WhyLink[] = []
  const seen = new Set<string>()
  let next: string | null = first
  while (next !== null && chain.length < depth && !seen.has(next)) {
    seen.add(next)
    const row: MessageRow | undefined = await store.message(next)
    // A cause that is not there can only be one that was never written: the chain ends here.
    if (row === undefined) break
    const link = await readLink(evidence, row)
    chain.push(chain.length > 0 ? link : { ...link, unseen: await unseenBy(store, row, link.turn) })
    next = causeOf(link.message)
  }
  const { name, id } = store
  const cut = next !== null && chain.length >= depth
  return { v: 1, space: { name, id }, asked, decision, chain, cut, proof: summary(decision, chain) }
}

function firstMessage(asked: Found, decision: DecisionView | null): string | null {
  switch (asked.kind) {
    case 'message':
      return asked.id
    case 'turn':
      return messageOf(asked.id)
    case 'decision':
      return typeof decision?.turn === 'string' ? messageOf(decision.turn) : null
    case 'trace':
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `${asked.id} is a trace: "coterie trace ${asked.id}" shows it; then ask why about one of its messages.`,
      )
  }
}

/** The message before: the one whose turn sent this one, or the question that an operator's reply answers. */
function causeOf({ cause, re }: MessageView): string | null {
  return cause === null ? re : messageOf(cause)
}

async function readLink(evidence: Evidence, row: MessageRow): Promise<WhyLink> {
  const proof = await evidence.mail(row)
  const turn = await readTurn(evidence, row)
  const shown = messageView(row)
  // What its sender did not sign is not passed on.
  const message = proof.verified ? shown : { ...shown, payload: null }
  const rows = turn === null ? [] : await evidence.store.messagesOf({ cause: turn.id, limit: SENT_MAX })
  const sent = rows.map(({ envelope: { id, kind, to, handler } }) => ({ id, kind, to, handler }))
  return { message, proof, turn, sent, unseen: [] }
}

async function unseenBy(
  store: SpaceStore,
  row: MessageRow,
  turn: TurnView | null,
): Promise<WhyLink['unseen']> {
  const end = turn?.segments.at(-1)?.proof.position
  if (end === undefined) return []
  const unseen: WhyLink['unseen'][number][] = []
  let after = row.position
  for (let read = 0; read < UNSEEN_SEARCHED_MAX;) {
    const page = await store.messagesOf({ after, limit: UNSEEN_PAGE })
    for (const { envelope, position, settledAt } of page) {
      if (position >= end) return unseen
      const { id, from, to, handler, kind } = envelope
      if (to !== row.envelope.to || kind === 'reply') continue
      if (settledAt === null || settledAt > end) unseen.push({ id, from, handler })
    }
    if (page.length < UNSEEN_PAGE) break
    after = page.at(-1)?.position ?? after
    read += page.length
  }
  return unseen
}

function summary(decision: DecisionView | null, chain: readonly WhyLink[]): WhyReport['proof'] {
  const proofs = new Map<number, Proof>()
  const note = (proof: Proof): void => {
    if (proofs.get(proof.position)?.verified !== false) proofs.set(proof.position, proof)
  }
  const problems: { readonly position: number; readonly problem: string }[] = []
  if (decision !== null) {
    note(decision.proof)
    const { problem } = decision.certificate
    // A record that does not verify takes its certificate with it: that is one problem, not two.
    if (problem !== null && decision.proof.verified)
      problems.push({ position: decision.proof.position, problem: `its certificate: ${problem}` })
  }
  for (const { proof, turn } of chain) {
    note(proof)
    for (const segment of turn?.segments ?? []) note(segment.proof)
    if (turn !== null && turn.journalProblem !== null) {
      const position = turn.segments.at(-1)?.proof.position ?? proof.position
      problems.push({ position, problem: `the journal of ${turn.id}: ${turn.journalProblem}` })
    }
  }
  for (const { position, problem } of proofs.values())
    if (problem !== null) problems.push({ position, problem })
  const verified = [...proofs.values()].filter((proof) => proof.verified).length
  return { records: proofs.size, verified, problems }
}

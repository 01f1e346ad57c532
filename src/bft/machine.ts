/**
 * A replica of a council as a pure machine: what happens goes in, what is to be done comes out. The rules, the reasons
 * and the argument for safety are in docs/concepts/councils.md and docs/adr/0011-councils.md.
 *
 * ```text
 *   idle --operation--> view 0 --proposal--> notarised --> finalised --> next height
 *                         |                      |
 *                  nullified, or no finalisation in time --> next view
 * ```
 *
 * A machine that returned `halt` takes no further part. `step` changes the state it is given.
 *
 * @module
 */

import { receiveProposal } from './accept.ts'
import { receiveFetch, receiveReply, receiveStatus, sayStatus } from './catch-up.ts'
import { genesisLedger } from './ledger.ts'
import type { Membership } from './membership.ts'
import type { Effect, Event, LogEntry, Message } from './messages.ts'
import {
  checkDecision,
  receiveCertificate,
  receiveComplaint,
  receiveOperation,
  receiveVote,
} from './receive.ts'
import { valueDigest } from './proposal.ts'
import { VoteRegister } from './register.ts'
import { applyRules } from './rules.ts'
import { scopeOf } from './scope.ts'
import { broadcast, makeReplica, roundAt, type Replica, type ReplicaRules } from './state.ts'
import type { Signed, Vote } from './statements.ts'
import { askToBeWoken, doWhatIsDue } from './timing.ts'
import { activate, decide, hasPending, isNeeded } from './views.ts'

/** A machine and the register of its votes, as its log left them. */
export interface Restored {
  readonly replica: Replica
  readonly register: VoteRegister
}

/**
 * The machine as it was when its log was last durable; a new one when the log is empty. Give it to `start` next.
 *
 * `amnesia`: a fresh random text when the log may lack votes that were cast (restored from a copy, lost, or damaged).
 * The replica then votes only when nothing that it may have said before can matter.
 */
export function restore(
  rules: ReplicaRules,
  genesis: Membership,
  log: readonly LogEntry[],
  amnesia?: string,
): Restored {
  const replica = makeReplica(rules, genesisLedger(rules, genesis))
  const register = new VoteRegister()
  for (const entry of log) {
    if (entry.type === 'decision' && entry.decision.value.height === replica.height)
      decide(replica, entry.decision)
    if (entry.type === 'decision') register.raise(entry.decision.value.height)
  }
  for (const entry of log) if (entry.type === 'voted') register.note(entry.entry)
  for (const entry of log) resume(replica, entry)
  replica.halted ??= log.find((entry) => entry.type === 'halted')
  replica.effects.length = 0
  if (amnesia !== undefined) replica.amnesia = { nonce: amnesia, heights: new Map(), until: undefined }
  return { replica, register }
}

/** The first step of a restored machine: it says where it is, and says its votes again. */
export function start(replica: Replica, now: number): readonly Effect[] {
  replica.now = now
  replica.enteredAt = now
  if (replica.halted !== undefined) return [{ ...replica.halted, type: 'halt' }]
  sayStatus(replica)
  const views = [...replica.rounds.keys()].sort((a, b) => a - b)
  for (const view of views) {
    replica.touched.add(view)
    saySo(replica, view)
  }
  if (isNeeded(replica)) activate(replica)
  return settle(replica)
}

/** What an event makes of the machine, and what is to be done, in order. */
export function step(replica: Replica, event: Event): readonly Effect[] {
  replica.effects.length = 0
  if (replica.halted !== undefined) return afterHalt(replica, event)
  replica.now = Math.max(replica.now, event.now)
  if (event.type === 'message') receive(replica, event.from, event.message)
  else if (event.type === 'submit') receiveOperation(replica, event.operation, true)
  else if (event.type === 'signed') receiveSigned(replica, event.vote)
  // A wake may come early, late, or twice: what is due is seen from the time alone.
  else if (replica.now >= replica.wakeAt) replica.wakeAt = Number.POSITIVE_INFINITY
  return settle(replica)
}

function receive(replica: Replica, from: string, message: Message): void {
  switch (message.type) {
    case 'vote':
      return receiveVote(replica, message.vote)
    case 'proposal':
      return receiveProposal(replica, message.proposal)
    case 'certificate':
      return receiveCertificate(replica, message.certificate)
    case 'complaint':
      return receiveComplaint(replica, message.complaint)
    case 'operation':
      return receiveOperation(replica, message.operation, false)
    case 'status':
      return receiveStatus(replica, message.status, message.proof)
    case 'fetch':
      return receiveFetch(replica, message.fetch)
    case 'reply':
      if (receiveReply(replica, from, message)) enterHeight(replica)
  }
}

function settle(replica: Replica): readonly Effect[] {
  doWhatIsDue(replica)
  while (replica.halted === undefined) {
    const decision = applyRules(replica)
    if (decision === undefined) break
    if (decide(replica, decision)) enterHeight(replica)
  }
  if (replica.halted === undefined) askToBeWoken(replica)
  return [...replica.effects]
}

/** R1: what came early for this height counts now, and what waits is taken up. */
function enterHeight(replica: Replica): void {
  if (replica.halted !== undefined) return
  const early: Message[] = []
  for (const [key, message] of replica.future) {
    const height = Number.parseInt(key, 10)
    if (height <= replica.height) replica.future.delete(key)
    if (height === replica.height) early.push(message)
  }
  for (const message of early) receive(replica, replica.rules.self, message)
  if (!replica.isActive && hasPending(replica)) activate(replica)
}

/** A vote comes back from the signer: it counts here as it does everywhere. */
function receiveSigned(replica: Replica, vote: Signed<Vote>): void {
  if (vote.height !== replica.height) return
  if (vote.type !== 'propose') {
    if (roundAt(replica, vote.view).voteOf(vote.type, vote.sender) === undefined) {
      receiveVote(replica, vote, true)
      broadcast(replica, { type: 'vote', vote })
    }
    return
  }
  const { draft } = replica
  if (draft === undefined || draft.statement.proposal !== vote.proposal) return
  const proposal = { ...draft, statement: vote }
  replica.draft = undefined
  replica.proposedAt = replica.now
  broadcast(replica, { type: 'proposal', proposal })
  receiveProposal(replica, proposal, true)
}

/** A halted replica decides nothing, but still names the guilty when it is shown the other decision. */
function afterHalt(replica: Replica, event: Event): readonly Effect[] {
  if (event.type === 'message' && event.message.type === 'reply') {
    for (const decision of event.message.decisions) checkDecision(replica, decision)
  }
  return replica.effects.filter(({ type }) => type !== 'halt')
}

/** Takes an entry of the log for the present height back. */
function resume(replica: Replica, entry: LogEntry): void {
  if (entry.type === 'proposal' && entry.proposal.statement.height === replica.height) {
    receiveProposal(replica, entry.proposal)
  }
  if (entry.type === 'certificate' && entry.certificate.height === replica.height) {
    receiveCertificate(replica, entry.certificate)
  }
  if (entry.type !== 'voted' || entry.entry.height !== replica.height) return
  const { own } = roundAt(replica, entry.entry.view)
  if (entry.entry.type === 'nullify') own.nullify = true
  else own[entry.entry.type] = entry.entry.proposal
}

/** Has the votes of a view signed again: the register makes sure that they are the same. */
function saySo(replica: Replica, view: number): void {
  const { own, proposals } = roundAt(replica, view)
  const place = { ...scopeOf(replica), height: replica.height, view, sender: replica.self }
  for (const type of ['notarize', 'finalize'] as const) {
    const proposal = own[type]
    const known = proposal === undefined ? undefined : proposals.get(proposal)
    if (proposal === undefined || known === undefined) continue
    const value = valueDigest(replica.rules.crypto, known.value)
    replica.effects.push({ type: 'vote', vote: { type, ...place, proposal, value } })
  }
  if (own.nullify === true) replica.effects.push({ type: 'vote', vote: { type: 'nullify', ...place } })
}

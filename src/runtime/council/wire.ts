/**
 * Messages of a council as texts, and back. What comes from a peer is believed nothing before it was looked at.
 *
 * @module
 */

import type { Evidence } from '../../bft/evidence.ts'
import type { Membership } from '../../bft/membership.ts'
import type { Effect, LogEntry, Message } from '../../bft/messages.ts'

/** Decisions in one reply end before they are together longer, in characters; one is always sent. */
const REPLY_CHARS_MAX = 4 * 1024 * 1024

/** What a replica says, with its signature, as the message that it is sent as. */
export function messageOf(effect: Extract<Effect, { type: 'say' }>, signature: string): Message {
  const { statement, proof } = effect
  switch (statement.type) {
    case 'complaint':
      return { type: 'complaint', complaint: { ...statement, signature } }
    case 'status':
      return { type: 'status', status: { ...statement, signature }, proof }
    case 'fetch':
      return { type: 'fetch', fetch: { ...statement, signature } }
  }
}

/** The text of a reply with decisions, put together from their texts. */
export function replyText(decisions: readonly string[]): string {
  const sent: string[] = []
  let chars = 0
  for (const text of decisions) {
    chars += text.length
    if (sent.length > 0 && chars > REPLY_CHARS_MAX) break
    sent.push(text)
  }
  return `{"type":"reply","decisions":[${sent.join(',')}],"certificates":[],"proposals":[]}`
}

/** The height that an entry of the log is for. */
export function heightOf(entry: LogEntry): number {
  switch (entry.type) {
    case 'voted':
      return entry.entry.height
    case 'proposal':
      return entry.proposal.statement.height
    case 'certificate':
      return entry.certificate.height
    case 'decision':
      return entry.decision.value.height
    case 'halted':
      // It stays whatever is decided.
      return Number.MAX_SAFE_INTEGER
  }
}

/** The part of an entry that is written; its type and height stand beside it. */
export function entryText(entry: LogEntry): string {
  switch (entry.type) {
    case 'voted':
      return JSON.stringify(entry.entry)
    case 'proposal':
      return JSON.stringify(entry.proposal)
    case 'certificate':
      return JSON.stringify(entry.certificate)
    case 'decision':
      return JSON.stringify(entry.decision)
    case 'halted':
      return JSON.stringify(entry)
  }
}

/** The reverse. The text is the replica's own, and fits its hash. */
export function entryIn(type: LogEntry['type'], text: string): LogEntry {
  const value: unknown = JSON.parse(text)
  if (type === 'halted') return value as LogEntry
  const name = type === 'voted' ? 'entry' : type
  return { type, [name]: value } as unknown as LogEntry
}

/** The id of the member that evidence speaks against; empty when there is none. A place is one in its own epoch. */
export function culpritOf(
  membershipAt: (epoch: number) => Membership | undefined,
  evidence: Evidence,
): string {
  const { sender, epoch } = evidence.type === 'contradiction' ? evidence.first : evidence.vote
  return membershipAt(epoch)?.members[sender]?.id ?? ''
}

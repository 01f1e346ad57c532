import type { Certificate } from './certificate.ts'
import type { Decision } from './decision.ts'
import type { Evidence } from './evidence.ts'
import type { Operation, Proposal, Value } from './proposal.ts'
import type { RegisterEntry } from './register.ts'
import type { Complaint, Fetch, Finalize, Notarize, Nullify, Signed, Status, Vote } from './statements.ts'

/** What replicas send each other. */
export type Message =
  | { readonly type: 'proposal'; readonly proposal: Proposal }
  | { readonly type: 'vote'; readonly vote: Signed<Notarize | Finalize | Nullify> }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'complaint'; readonly complaint: Signed<Complaint> }
  | { readonly type: 'operation'; readonly operation: Operation }
  | { readonly type: 'status'; readonly status: Signed<Status>; readonly proof: Certificate | null }
  | { readonly type: 'fetch'; readonly fetch: Signed<Fetch> }
  | {
      /** Everything in it proves itself, so it is not signed. */
      readonly type: 'reply'
      readonly decisions: readonly Decision[]
      readonly certificates: readonly Certificate[]
      readonly proposals: readonly Proposal[]
    }

/** What a replica keeps on its disk, in order. Starting again is reading it from the beginning. */
export type LogEntry =
  | { readonly type: 'voted'; readonly entry: RegisterEntry }
  | { readonly type: 'proposal'; readonly proposal: Proposal }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'decision'; readonly decision: Decision }
  | Halted

/** Why a replica has stopped for good. It stays so when it is started again. */
export type Halted = {
  readonly type: 'halted'
  readonly reason: 'fork' | 'diverged'
  readonly decisions: readonly Decision[]
}

/** What happens to a replica. `now` is its own clock in milliseconds, which never goes back. */
export type Event =
  /** `from`: the id of the peer that the transport has authenticated. */
  | { readonly type: 'message'; readonly from: string; readonly message: Message; readonly now: number }
  /** The time that was asked for has come; also harmless when it has not. */
  | { readonly type: 'wake'; readonly now: number }
  /** An operation was handed in here. */
  | { readonly type: 'submit'; readonly operation: Operation; readonly now: number }
  /** The signer has signed a vote. */
  | { readonly type: 'signed'; readonly vote: Signed<Vote>; readonly now: number }

/** What a replica wants done. Effects are carried out in order. */
export type Effect =
  /** Write to the log; it need not be durable yet. */
  | { readonly type: 'append'; readonly entry: LogEntry }
  /**
   * Have the signer prepare it, write its entry to the log, make the log durable up to there, sign it, and give it
   * back as the event `signed`. When the signer refuses, nothing more happens.
   */
  | { readonly type: 'vote'; readonly vote: Vote }
  /** Sign and send; to everybody else when no one is named. */
  | {
      readonly type: 'say'
      readonly statement: Complaint | Status | Fetch
      readonly proof: Certificate | null
      readonly to: string | null
    }
  | { readonly type: 'send'; readonly message: Message; readonly to: string | null }
  /** Send decisions from the log, as far as it has them: at most 16 in a reply. */
  | { readonly type: 'serve'; readonly first: number; readonly last: number; readonly to: string }
  /** Make the log durable, then let the world see the decision. */
  | { readonly type: 'decided'; readonly decision: Decision; readonly value: Value }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** Give the event `wake` at this time, or later. An earlier wish is void. */
  | { readonly type: 'wake'; readonly at: number }
  /**
   * Make the log durable and stop for good: there are more liars than can be tolerated, or this replica does not
   * compute what others do.
   */
  | { readonly type: 'halt'; readonly reason: 'fork' | 'diverged'; readonly decisions: readonly Decision[] }

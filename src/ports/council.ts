/**
 * What the driver of a council's replica needs of the world: a durable log of its own, and a way to the others.
 *
 * @module
 */

/** One entry of the log: what the machine wants to read again after a start, as JSON. */
export interface CouncilEntry {
  readonly type: 'voted' | 'proposal' | 'certificate' | 'decision' | 'halted'
  readonly height: number
  readonly text: string
}

/** Everything that goes down together: all of it, or nothing. Empty lists change nothing. */
export interface CouncilBatch {
  readonly entries: readonly CouncilEntry[]
  /** The newest decided height, or 0: entries of it and below are dropped, but for decisions. */
  readonly decided: number
  /** This member's own operations, to be handed in again after a start. */
  readonly operations: readonly { readonly sequence: number; readonly text: string }[]
  /** Own operations up to this sequence are over. */
  readonly applied: number
  readonly ballots: readonly { readonly decision: string; readonly text: string }[]
  readonly certificates: readonly {
    readonly decision: string
    readonly height: number
    readonly text: string
  }[]
  readonly evidence: readonly { readonly hash: string; readonly culprit: string; readonly text: string }[]
  /** The replica has got over what it had forgotten. */
  readonly recovered: boolean
}

/** What a log had when this process took it over. */
export interface CouncilHistory {
  /** Decisions by height, then the rest in the order written. */
  readonly entries: readonly CouncilEntry[]
  readonly operations: readonly { readonly sequence: number; readonly text: string }[]
  /** Why votes may be missing that were cast, as a phrase; undefined when none can be. */
  readonly forgot: string | undefined
}

/** The durable log of one replica. Only the process that opened it last can write. */
export interface CouncilLog {
  /** What it had when it was opened. */
  readonly history: CouncilHistory
  /**
   * Writes a batch; it is durable when this returns. Throws COTERIE_LEASE_LOST when another process has taken the log
   * over since, and COTERIE_STORE_*; nothing was written then.
   */
  commit(batch: CouncilBatch): void
  /** The JSON of the durable decisions from one height to another, in order; less when they are not there. */
  decisions(first: number, last: number): readonly string[]
  /** The ballot that this member signed for a decision. */
  ballot(decision: string): string | undefined
  /** The certificate of a decision. */
  certificate(decision: string): string | undefined
  /** Certificates, the newest first. */
  certificates(limit: number): readonly string[]
  /** Pieces of evidence, the oldest first, and against whom. */
  evidence(limit: number): readonly { readonly culprit: string; readonly text: string }[]
  /** How many pieces of evidence against one member there are. */
  evidenceAgainst(culprit: string): number
  close(): Promise<void>
}

/** What a transport tells of one peer. */
export interface CouncilPeer {
  readonly id: string
  readonly url: string
  readonly isConnected: boolean
  /** Messages that were dropped because the peer was too slow or away. */
  readonly dropped: number
  readonly error: string | undefined
}

/** Another replica, as a transport has to know it. */
export interface CouncilContact {
  readonly id: string
  readonly url: string
  readonly publicKey: string
  /** One that is no member any more is heard, and answered, but told nothing that it does not ask for. */
  readonly isMember: boolean
}

/** Takes texts from peers that the transport has authenticated. */
export type CouncilReceiver = (from: string, text: string) => void

/** The way to the other replicas. Messages may be lost, repeated and late; never forged. */
export interface CouncilTransport {
  /** Who the others are from now on: connections to the rest are cut. Called before `start`, and when they change. */
  meet(others: readonly CouncilContact[]): void
  /** Begins to take messages. */
  start(receive: CouncilReceiver): Promise<void>
  /** Queues the JSON of a message; to every other member when nobody is named. It never blocks. */
  send(to: string | null, text: string): void
  /** Sends what was queued: together, if it can. */
  flush(): void
  peers(): readonly CouncilPeer[]
  /** Connections or messages that were refused: not from a member, not signed by it, or not for this one. */
  readonly refused: number
  close(): Promise<void>
}

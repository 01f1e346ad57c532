/**
 * Every bound of the system, with its name and default. `docs/reference/limits.md` explains each one.
 *
 * @module
 */

import { CoterieError } from './errors.ts'

/** The limits that `open` accepts. Sizes are in bytes of UTF-8, times in milliseconds. */
export interface Limits {
  /** The largest payload of a message, a reply, a step result or an event. */
  readonly payloadBytes: number
  /** Messages, publications and events that one segment may produce. */
  readonly effectsPerSegment: number
  /** Operations (steps, sends, waits, reasons ...) of one turn. */
  readonly operationsPerTurn: number
  /** Unhandled messages in one mailbox; a send beyond it is refused with COTERIE_MAILBOX_FULL. */
  readonly mailboxDepth: number
  /** Characters of one `turn.reason` text. */
  readonly reasonChars: number
  /** Records in one transaction. */
  readonly batchRecords: number
  /** Messages read from a mailbox at once. */
  readonly mailPage: number
  /** Payloads read from a mailbox at once; a larger one is read alone. */
  readonly mailPageBytes: number
  /** Outside sends and asks that may wait for their commit in one process. */
  readonly pendingSends: number
  /** How long a lease lasts without a heartbeat. */
  readonly leaseMs: number
  /** How often a process looks for the work of others. */
  readonly pollMs: number
  /** The deadline of an `ask` that names none. */
  readonly askTimeoutMs: number
  /** The longest deadline, delay or sleep. */
  readonly horizonMs: number
  /** How often one message may crash the process that handles it before it is declared dead. */
  readonly crashesPerMessage: number
  /** How far the machine's clock may lie behind the log's before a process refuses to work. */
  readonly clockBackMs: number
  /** Agents that one process works on at the same moment. */
  readonly activeAgents: number
}

/** The defaults. */
export const DEFAULT_LIMITS: Limits = Object.freeze({
  payloadBytes: 1024 * 1024,
  effectsPerSegment: 10_000,
  operationsPerTurn: 10_000,
  mailboxDepth: 1_000_000,
  reasonChars: 16_000,
  batchRecords: 512,
  mailPage: 256,
  mailPageBytes: 4 * 1024 * 1024,
  pendingSends: 100_000,
  leaseMs: 10_000,
  pollMs: 20,
  askTimeoutMs: 30_000,
  horizonMs: 366 * 24 * 60 * 60 * 1000,
  crashesPerMessage: 20,
  clockBackMs: 60_000,
  activeAgents: 1_000,
})

/** The defaults with some replaced; refuses what is not a positive whole number. */
export function limitsWith(overrides: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!(name in DEFAULT_LIMITS)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `There is no limit named "${name}"; see docs/reference/limits.md.`,
      )
    }
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `The limit "${name}" must be a positive whole number, not ${value}.`,
      )
    }
  }
  return Object.freeze({ ...DEFAULT_LIMITS, ...overrides })
}

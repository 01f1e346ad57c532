/**
 * The state of a space for an operator: who is there, what waits, who works on it.
 *
 * @module
 */

import { CLIENT, nameOf, OWNER } from '../../core/address.ts'
import type { HandlerEntry } from '../../core/record.ts'
import type { Registry } from '../../log/registry.ts'
import type { MailboxRow, SpaceStatus, SpaceStore } from '../../ports/store.ts'

/** An agent as the log knows it. */
export interface AgentView {
  readonly name: string
  readonly handlers: readonly HandlerEntry[]
  readonly key: string
}

/** The mailboxes of one agent together; `instances` is 1 for one that stands for itself. */
export interface MailboxView {
  readonly address: string
  readonly instances: number
  readonly depth: number
  readonly waiting: number
  readonly dead: number
  readonly records: number
  /** The highest fencing number. */
  readonly epoch: number
  /** Who holds the leases; several workers may share the instances of an agent. */
  readonly workers: readonly string[]
  /** The age of the oldest message that is not handled, in milliseconds. */
  readonly oldestMs: number | null
}

/** What one worker has of one agent. */
export interface AgentShare {
  readonly name: string
  /** How many of its addresses the worker holds. */
  readonly addresses: number
  /** The live messages in them. */
  readonly depth: number
  /** The turns of them that wait. */
  readonly waiting: number
}

/** What `status` shows. */
export interface StatusReport {
  readonly v: 1
  readonly space: { readonly name: string; readonly id: string }
  readonly position: number
  readonly now: number
  readonly agents: readonly AgentView[]
  readonly mailboxes: readonly MailboxView[]
  readonly workers: readonly {
    readonly id: string
    readonly addresses: number
    /** Negative: its leases have lapsed. */
    readonly leaseMs: number
    /** What it runs, and what waits there. */
    readonly agents: readonly AgentShare[]
  }[]
  readonly messages: SpaceStatus['messages']
  readonly decisions: number
  /** The age of the oldest message that is not handled, in milliseconds. */
  readonly oldestMs: number | null
}

/** Reads the state. Keyed instances are counted together under their agent unless `all` is set. */
export async function readStatus(store: SpaceStore, registry: Registry, all: boolean): Promise<StatusReport> {
  const status = await store.status()
  const { now } = status
  const agents = registry.agents().filter(({ name }) => name !== OWNER && name !== CLIENT)
  const groups = Map.groupBy(status.mailboxes, ({ address }) => (all ? address : nameOf(address)))
  const ages = status.mailboxes.flatMap(({ oldestAt }) => (oldestAt === null ? [] : [now - oldestAt]))
  return {
    v: 1,
    space: { name: store.name, id: store.id },
    position: status.position,
    now,
    agents: agents.map(({ name, handlers, key }) => ({ name, handlers, key })),
    mailboxes: [...groups].map(([address, rows]) => together(address, rows, now)),
    workers: status.workers.map(({ id, agents: names, addresses, until }) => {
      return { id, addresses, leaseMs: until - now, agents: shares(id, names, status.mailboxes) }
    }),
    messages: status.messages,
    decisions: status.decisions,
    oldestMs: oldest(ages),
  }
}

/** The agents that a worker runs, and those of which it still holds addresses. */
function shares(
  id: string,
  names: readonly string[],
  mailboxes: readonly MailboxRow[],
): readonly AgentShare[] {
  const held = Map.groupBy(
    mailboxes.filter(({ worker }) => worker === id),
    ({ address }) => nameOf(address),
  )
  return [...new Set([...names, ...held.keys()])].toSorted().map((name) => {
    const rows = held.get(name) ?? []
    return {
      name,
      addresses: rows.length,
      depth: rows.reduce((sum, { depth }) => sum + depth, 0),
      waiting: rows.reduce((sum, { waiting }) => sum + waiting, 0),
    }
  })
}

function together(address: string, rows: readonly MailboxRow[], now: number): MailboxView {
  const sum = (of: (row: MailboxRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
  const holders = rows.flatMap(({ worker, leaseUntil }) => {
    return worker !== null && leaseUntil !== null && leaseUntil >= now ? [worker] : []
  })
  return {
    address,
    instances: rows.length,
    depth: sum(({ depth }) => depth),
    waiting: sum(({ waiting }) => waiting),
    dead: sum(({ dead }) => dead),
    records: sum(({ records }) => records),
    epoch: Math.max(...rows.map(({ epoch }) => epoch)),
    workers: [...new Set(holders)],
    oldestMs: oldest(rows.flatMap(({ oldestAt }) => (oldestAt === null ? [] : [now - oldestAt]))),
  }
}

function oldest(ages: readonly number[]): number | null {
  return ages.length === 0 ? null : ages.reduce((a, b) => Math.max(a, b), 0)
}

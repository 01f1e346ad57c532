/**
 * What the writes of a batch ask for: which mailboxes, messages and so on they are judged by.
 *
 * @module
 */

import { OWNER, nameOf } from '../../core/address.ts'
import { KEYS_STREAM } from '../../mailbox/names.ts'
import type { RecordWrite, Write } from '../../ports/store.ts'
import { keyOf, rootOf } from './batch.ts'

/** What the writes of a batch ask for, of each kind. */
export class Need {
  readonly addresses: Set<string> = new Set()
  readonly ids: Set<string> = new Set()
  readonly wholeIds: Set<string> = new Set()
  readonly streams: Set<string> = new Set()
  readonly turns: Set<string> = new Set()
  readonly keys: Map<string, readonly [from: string, to: string, key: string]> = new Map()
  readonly targets: Set<string> = new Set()
  readonly roots: Set<string> = new Set()
  readonly traces: Set<string> = new Set()
  readonly decisions: Set<string> = new Set()

  constructor(writes: readonly Write[], careful: boolean) {
    for (const write of writes) {
      if (write.type === 'record') this.#record(write, careful)
      else {
        this.addresses.add(write.lease.address)
        this.ids.add(write.message)
        if (write.chunk !== null) this.turns.add(write.chunk.turn)
      }
    }
  }

  /** True when it asks for nothing but mailboxes, messages, and how long streams and journals are. */
  get isPlain(): boolean {
    const others = [this.wholeIds, this.keys, this.targets, this.roots, this.traces, this.decisions]
    return others.every(({ size }) => size === 0)
  }

  #record(write: RecordWrite, careful: boolean): void {
    this.addresses.add(write.record.author)
    // Its chain tells whether the keys are still those that the signer knew.
    this.addresses.add(OWNER)
    if (write.turn !== null) this.ids.add(write.turn.message)
    for (const { stream } of write.reads) if (stream !== KEYS_STREAM) this.streams.add(stream)
    for (const { stream } of write.events) this.streams.add(stream)
    for (const { envelope } of write.messages) {
      const { id, from, to, key, kind } = envelope
      if (kind !== 'reply') this.addresses.add(to)
      if (key !== null) this.keys.set(keyOf(nameOf(from), to, key), [nameOf(from), to, key])
      if (careful) this.wholeIds.add(id)
    }
    for (const { id, as } of write.settles) {
      this.ids.add(id)
      if (as === 'cancelled') this.roots.add(id)
    }
    if (write.journal !== null) this.turns.add(write.journal.turn)
    if (careful) for (const { id } of write.decisions) this.decisions.add(id)
    for (const { target, request } of write.turn?.waits ?? []) {
      if (target === null) continue
      this.targets.add(target)
      if (request !== null) this.ids.add(request)
    }
    if (write.cancels === null) return
    const root = rootOf(write.cancels)
    if (root === undefined) this.traces.add(write.cancels)
    else this.roots.add(root)
  }
}

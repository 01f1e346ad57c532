/**
 * The cases that every store must pass. Run them on a store of your own with `storeConformance`.
 *
 * @module
 */

import { after, describe, test } from 'node:test'
import { CANCEL_CASES } from './conformance-cancel.ts'
import { COMMIT_CASES } from './conformance-commit.ts'
import { Kit } from './conformance-kit.ts'
import type { Case, StoreHarness } from './conformance-kit.ts'
import { LEASE_CASES } from './conformance-lease.ts'
import { LOG_CASES } from './conformance-log.ts'
import { MAILBOX_CASES } from './conformance-mailbox.ts'
import { REFUSAL_CASES } from './conformance-refusal.ts'
import { SCHEDULE_CASES } from './conformance-schedule.ts'

export type { StoreHarness } from './conformance-kit.ts'

const GROUPS: Readonly<Record<string, readonly Case[]>> = {
  commit: COMMIT_CASES,
  refusals: REFUSAL_CASES,
  mailbox: MAILBOX_CASES,
  schedule: SCHEDULE_CASES,
  cancel: CANCEL_CASES,
  leases: LEASE_CASES,
  log: LOG_CASES,
}

/** All cases, for those who want to run them in another way. */
export function conformanceCases(): readonly Case[] {
  return Object.values(GROUPS).flat()
}

/**
 * Registers the conformance cases with `node:test`. Each case has a space of its own on the harness's
 * database.
 *
 * @example
 * ```ts
 * import { storeConformance, type StoreHarness } from 'coterie/testing'
 * declare const harness: StoreHarness
 * storeConformance('my store', harness)
 * ```
 */
export function storeConformance(name: string, harness: StoreHarness): void {
  void describe(`store conformance: ${name}`, () => {
    after(() => harness.cleanup())
    for (const [group, cases] of Object.entries(GROUPS)) {
      void describe(group, () => {
        for (const [fact, check] of cases) {
          void test(fact, async () => {
            const kit = await Kit.start(harness)
            try {
              await check(kit)
            } finally {
              await kit.store.close()
            }
          })
        }
      })
    }
  })
}

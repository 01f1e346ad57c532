import assert from 'node:assert/strict'
import { DEFAULT_LIMITS } from '../../src/core/limits.ts'
import type { Context } from '../../src/runtime/context.ts'
import { deadlineFor } from '../../src/runtime/outbox.ts'
import type { SendOptions } from '../../src/turn/turn.ts'
import { code, test } from './helpers.ts'

const NOW = 1_000_000
const INHERITED = NOW + 500

// The rule asks its context for nothing but the limits.
const context = { limits: DEFAULT_LIMITS } as Context

function deadline(options: SendOptions, inherited: number | null): number | null {
  return deadlineFor(context, options, inherited, NOW)
}

test('what is sent inherits the deadline, and may have an earlier one but no later', () => {
  assert.equal(deadline({}, INHERITED), INHERITED)
  assert.equal(deadline({ timeoutMs: 100 }, INHERITED), NOW + 100)
  assert.equal(deadline({ deadline: NOW + 200 }, INHERITED), NOW + 200)
  assert.equal(deadline({ timeoutMs: 501 }, INHERITED), INHERITED)
  assert.equal(deadline({ deadline: INHERITED + 1 }, INHERITED), INHERITED)
})

test('without one to inherit, the earlier of the time and the timeout counts', () => {
  assert.equal(deadline({}, null), null)
  assert.equal(deadline({ timeoutMs: 100 }, null), NOW + 100)
  assert.equal(deadline({ timeoutMs: 300, deadline: NOW + 200 }, null), NOW + 200)
  assert.equal(deadline({ timeoutMs: 100, deadline: NOW + 200 }, null), NOW + 100)
})

test('a deadline beyond the horizon is refused, also where an earlier one is inherited', () => {
  assert.throws(
    () => deadline({ timeoutMs: DEFAULT_LIMITS.horizonMs + 1 }, INHERITED),
    code('COTERIE_LIMIT_EXCEEDED', /horizonMs/),
  )
})

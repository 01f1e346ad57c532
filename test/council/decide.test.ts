import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { action, agent, guard, on, open } from '../../src/index.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import type { CouncilRef } from '../../src/open-council.ts'
import { TestCouncil } from './kit.ts'

const TIMEOUT = { timeout: 60_000 }

async function asked(t: TestContext): Promise<{ council: TestCouncil; ref: CouncilRef }> {
  const council = new TestCouncil()
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  const replica = council.get('alice')
  const ref: CouncilRef = {
    name: council.roster.instance,
    open: async (matter) => replica.open(matter),
    wait: (decision, deadline) => replica.waitFor(decision, deadline - systemClock.now() + 10_000),
  }
  return { council, ref }
}

test('an agent lets a council decide, once, whatever becomes of its turn', TIMEOUT, async (t) => {
  const { council, ref } = await asked(t)
  let attempts = 0
  const clerk = agent('clerk', {
    ask: on({ input: z.string(), output: z.string() }, async (turn, question) => {
      const { id, outcome, certificate } = await turn.decide({ by: ref, question, timeoutMs: 20_000 })
      attempts += 1
      if (attempts === 1) throw new Error('once more')
      assert.equal(certificate.vote.proposal.decision, id)
      return `${id} ${outcome}`
    }),
  })
  await using space = await open('sqlite::memory:', { agents: [clerk] })
  assert.equal(await space.ask(clerk.ask, 'May we?'), 'alice.1 approve')
  assert.equal(attempts, 2)
  assert.equal(council.get('bob').certificates(10).length, 1)
})

test(
  'a guarded action runs when the council approves of exactly it, and not when it rejects',
  TIMEOUT,
  async (t) => {
    const { council, ref } = await asked(t)
    council.judge = ({ subject }) => {
      const { arguments: args } = subject as { readonly arguments: { readonly cents: number } }
      return { choice: args.cents < 100 ? 'approve' : 'reject', reason: 'by its size' }
    }
    const paid: number[] = []
    const pay = guard(
      action('pay', z.object({ cents: z.int() }), ({ cents }: { cents: number }) => paid.push(cents)),
      { risk: () => 'any' as const, ways: { any: { by: 'council', council: ref, timeoutMs: 20_000 } } },
    )
    const clerk = agent('clerk', {
      pay: on({ input: z.object({ cents: z.int() }), retry: { attempts: 1 } }, (turn, args) =>
        pay(turn, args),
      ),
    })
    await using space = await open('sqlite::memory:', { agents: [clerk] })
    await space.ask(clerk.pay, { cents: 5 })
    await assert.rejects(space.ask(clerk.pay, { cents: 500 }), (error: Error) => {
      assert.equal((error.cause as { readonly code?: string }).code, 'COTERIE_NOT_APPROVED')
      return true
    })
    assert.deepEqual(paid, [5])
  },
)

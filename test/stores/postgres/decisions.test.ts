import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { z } from 'zod'
import { action, agent, guard, majority, on, open, person, vote } from '../../../src/index.ts'
import { PostgresServer } from '../../support/postgres/server.ts'

const server = await PostgresServer.start()
const folder = mkdtempSync(join(tmpdir(), 'coterie-decisions-'))
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test(
  'sealed votes, people and guards, with the members in another process',
  { timeout: 60_000 },
  async () => {
    const url = server.url(await server.createDatabase())
    const keyring = join(folder, 'keys')
    const alice = person('alice')
    const [ann, ben] = ['ann', 'ben'].map((name) =>
      agent(name, { judge: vote(() => ({ choice: 'approve', reason: name })) }),
    )
    assert.ok(ann !== undefined && ben !== undefined)
    const paid: unknown[] = []
    const pay = guard(
      action('pay', z.object({ cents: z.int() }), (args) => {
        paid.push(args)
        return args.cents
      }),
      {
        risk: ({ cents }) => (cents < 10 ? 'low' : 'high'),
        ways: {
          low: { by: 'vote', electorate: [ann.judge, ben.judge], rule: majority(), sealed: true },
          high: { by: 'person', ask: alice, timeoutMs: 30_000 },
        },
      },
    )
    const clerk = agent('clerk', {
      pay: on({ input: z.object({ cents: z.int() }) }, (turn, args) => pay(turn, args)),
    })
    await using members = await open(url, { agents: [ann, ben], keyring })
    await using space = await open(url, { agents: [clerk, alice], keyring })
    assert.equal(await space.ask(clerk.pay, { cents: 7 }, { timeoutMs: 20_000 }), 7)
    const [kept] = await members.store.decisions(null, 9)
    assert.equal(JSON.parse(kept?.certificate ?? '').commitments.length, 2)
    const answer = space.ask(clerk.pay, { cents: 70 }, { timeoutMs: 30_000 })
    for (;;) {
      // Answered from the other process.
      const [waiting] = await members.approvals()
      if (waiting === undefined) continue
      await members.answer(waiting.id, { choice: 'approve', reason: 'seen' })
      break
    }
    assert.equal(await answer, 70)
    assert.deepEqual(paid, [{ cents: 7 }, { cents: 70 }])
  },
)

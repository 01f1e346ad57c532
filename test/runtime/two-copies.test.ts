/**
 * A program may have the library twice: a command line that is installed for the whole machine, and the copy that a
 * module of agents imports. What the module defines must run under the other one.
 */

import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import { start, test, untilState } from './helpers.ts'

type Library = typeof import('../../src/index.ts')

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))
const order = z.object({ order: z.string(), cents: z.int() })

/** The library once more: other modules, other classes. */
async function secondCopy(t: TestContext): Promise<Library> {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-copy-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(SOURCES, join(folder, 'src'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return (await import(pathToFileURL(join(folder, 'src/index.ts')).href)) as Library
}

test('a guard, a vote and a person of another copy of the library run in a turn', async (t) => {
  const { action, agent, guard, majority, on, person, vote } = await secondCopy(t)
  const alice = person('alice')
  const ann = agent('ann', { judge: vote(() => ({ choice: 'approve', reason: 'small' })) })
  const pay = guard(
    action('pay', order, ({ cents }) => `paid ${cents}`),
    {
      risk: ({ cents }) => (cents < 10 ? 'low' : cents < 100 ? 'medium' : 'high'),
      ways: {
        low: { by: 'alone' },
        medium: { by: 'vote', electorate: [ann.judge], rule: majority() },
        high: { by: 'person', ask: alice, timeoutMs: 20_000 },
      },
    },
  )
  const clerk = agent('clerk', {
    pay: on({ input: order, output: z.string() }, (turn, asked) => pay(turn, asked)),
  })
  const space = await start(t, [alice, ann, clerk])
  assert.equal(await space.ask(clerk.pay, { order: 'A', cents: 1 }), 'paid 1')
  assert.equal(await space.ask(clerk.pay, { order: 'B', cents: 50 }), 'paid 50')
  const asked = await space.send(clerk.pay, { order: 'C', cents: 500 })
  for (let waits = 0; (await space.approvals()).length === 0 && waits < 1_000; waits++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const [waiting] = await space.approvals()
  assert.ok(waiting)
  await space.answer(waiting.id, { choice: 'approve', reason: 'seen' })
  await untilState(space, asked, 'handled')
})

test('an error of another copy of the library keeps its code, and is not tried again in vain', async (t) => {
  const { agent, CoterieError, on } = await secondCopy(t)
  let tries = 0
  const clerk = agent('clerk', {
    pay: on({ input: order }, () => {
      tries += 1
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'No such account.')
    }),
  })
  const space = await start(t, [clerk])
  const id = await space.send(clerk.pay, { order: 'A', cents: 1 })
  await untilState(space, id, 'dead')
  assert.equal(tries, 1)
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_INVALID_ARGUMENT')
})

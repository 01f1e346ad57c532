import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, nodeCrypto, on } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { keyringFor } from '../../src/open.ts'
import type { Logger } from '../../src/ports/logger.ts'
import { startSpace } from '../../src/runtime/start.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { code, recordsOf, until } from '../runtime/helpers.ts'

const HOUR_MS = 3_600_000
const sink = agent('sink', {
  take: on({ input: z.object({ i: z.number() }) }, async (turn, { i }) => {
    await turn.sleep(20)
    return i
  }),
})

/** A machine whose clock can be set: `aheadMs` beside the real one. */
class Machine {
  aheadMs = 0
  readonly lines: string[] = []
  readonly file: string

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-clock-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    this.file = join(folder, 'space.db')
  }

  async open(t: TestContext): Promise<Space> {
    const now = (): number => Date.now() + this.aheadMs
    const url = `sqlite:${this.file}`
    const logger: Logger = {
      log: (_level, message, fields) => void this.lines.push(`${message} ${String(fields?.['code'])}`),
    }
    const ports = {
      clock: { ...systemClock, now },
      crypto: nodeCrypto,
      keyring: keyringFor(url),
      logger,
      random: systemRandom,
    }
    const store = openSqlite(url, { now })
    try {
      const space = await startSpace(store, ports, {
        space: 'main',
        agents: [sink],
        limits: { leaseMs: 300, pollMs: 5 },
      })
      t.after(() => space.close())
      return space
    } catch (error) {
      await store.close()
      throw error
    }
  }

  hash(): string {
    return createHash('sha256').update(readFileSync(this.file)).digest('hex')
  }
}

test('a process whose clock lies an hour behind the log refuses to start, and writes nothing', async (t) => {
  const machine = new Machine(t)
  const space = await machine.open(t)
  await space.ask(sink.take, { i: 1 })
  await space.close()
  const before = machine.hash()
  machine.aheadMs = -HOUR_MS
  await assert.rejects(machine.open(t), code('COTERIE_CLOCK_BACK', /36\d\d s behind/))
  assert.equal(machine.hash(), before)
  machine.aheadMs = 0
  assert.equal(await (await machine.open(t)).ask(sink.take, { i: 2 }), 2)
})

test('work goes on when the clock is set back, and the times in the log never go back', async (t) => {
  const machine = new Machine(t)
  const space = await machine.open(t)
  await space.ask(sink.take, { i: 1 })
  machine.aheadMs = -HOUR_MS
  const sent = await Promise.all([2, 3, 4].map((i) => space.send(sink.take, { i })))
  // What waits for a time, waits until the clock is there again: a sleep of 20 ms, begun when it stood still.
  await until('the log tells of the clock', () =>
    machine.lines.some((line) => line.includes('COTERIE_CLOCK_BACK')),
  )
  machine.aheadMs = 0
  await until('all that was sent is handled', async () => {
    const states = await Promise.all(sent.map(async (id) => (await space.receipt(id)).state))
    return states.every((state) => state === 'handled')
  })
  const times = (await recordsOf(space)).map(({ body }) => body.at)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  assert.equal(report.ok, true)
})

test('a clock that jumps an hour ahead loses no lease and no message', async (t) => {
  const machine = new Machine(t)
  const space = await machine.open(t)
  await space.ask(sink.take, { i: 1 })
  machine.aheadMs = HOUR_MS
  assert.equal(await space.ask(sink.take, { i: 2 }), 2)
  assert.deepEqual(
    (await recordsOf(space)).filter(({ body }) => body.epoch !== undefined && body.epoch > 1),
    [],
  )
})

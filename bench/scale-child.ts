/**
 * One scale measurement, alone in its process: `fill`, `drain`, `restart` or `idle`, a folder, and which
 * share of the numbers (the tests take less).
 *
 * @module
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { agent, on, open } from '../src/index.ts'
import { payload } from './statistics.ts'

const [, , what = '', folder = '', share = '1'] = process.argv
const MESSAGES = 100_000 * Number(share)
const AGENTS = 10_000 * Number(share)

/** How much of one core this process takes while nothing happens, after it has come to rest. */
async function cpuPercent(): Promise<number> {
  await sleep(500)
  const before = process.cpuUsage()
  const start = performance.now()
  await sleep(3_000)
  const used = process.cpuUsage(before)
  return ((used.user + used.system) / 1000 / (performance.now() - start)) * 100
}

const body = z.object({ i: z.number(), body: z.string() })
let rssMax = 0
const sink = agent('sink', {
  take: on({ input: body }, ({ id }, { i }) => {
    if (i % 1_000 === 0 && id !== '') rssMax = Math.max(rssMax, process.memoryUsage.rss())
  }),
})
const url = `sqlite:${join(folder, 'scale.db')}`

const measurements: Record<string, () => Promise<Record<string, number>>> = {
  async fill() {
    // Registers the agent, and leaves before it can take anything.
    await (await open(url, { agents: [sink] })).close()
    await using space = await open(url)
    for (let i = 0; i < MESSAGES; i += 1_000) {
      await Promise.all(Array.from({ length: 1_000 }, (_, k) => space.send(sink.take, payload(i + k))))
    }
    return { sent: MESSAGES }
  },
  async drain() {
    const start = performance.now()
    await using space = await open(url, { agents: [sink] })
    await space.idle()
    return { seconds: (performance.now() - start) / 1000, rssMb: rssMax / 2 ** 20 }
  },
  async restart() {
    const start = performance.now()
    await using space = await open(url, { agents: [sink] })
    const handled = space.send(sink.take, payload(1))
    await handled
    const ms = performance.now() - start
    const { position } = await space.status()
    return { ms, records: position + 1 }
  },
  async idle() {
    const idler = agent('idler', { take: on({ input: body }, () => undefined) })
    await using space = await open(`sqlite:${join(folder, 'idle.db')}`, { agents: [idler] })
    const emptyCpuPercent = await cpuPercent()
    await Promise.all(
      Array.from({ length: AGENTS }, (_, i) => space.send(idler.take, payload(i), { key: `k${i}` })),
    )
    await space.idle()
    return { cpuPercent: await cpuPercent(), emptyCpuPercent }
  },
}

const measure = measurements[what]
if (measure === undefined) throw new Error(`unknown measurement "${what}"`)
process.stdout.write(JSON.stringify(await measure()))

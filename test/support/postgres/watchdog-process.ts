/**
 * The process behind `watchdog.ts`: it hears `guard FOLDER` and `discard FOLDER` on the standard input. At the end of
 * the input it clears all that is left, and ends too.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isGone, postmasterOf, removeSharedMemory, signalAll } from './processes.ts'

const SHUTDOWN_MS = 5_000

const folders = new Set<string>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, folder = ''] = line.split(/ (.*)/)
  folders.add(folder)
  if (verb === 'discard') await clear(folder)
}
await Promise.all([...folders].map(clear))
process.exit(0)

async function clear(folder: string): Promise<void> {
  const data = join(folder, 'data')
  const postmaster = postmasterOf(data)
  if (postmaster !== undefined) {
    // It may have been stopped by the test; and to a quick end, it still gives back what it shares.
    signalAll(postmaster, 'SIGCONT')
    process.kill(postmaster, 'SIGQUIT')
    if (!(await isGone(postmaster, SHUTDOWN_MS))) signalAll(postmaster, 'SIGKILL')
  }
  removeSharedMemory(data)
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  folders.delete(folder)
}

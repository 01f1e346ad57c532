/**
 * Memory with a long backlog, the price of idle agents, and how soon a long log is ready again. Each in a process
 * of its own, so that the figures are not those of the workloads before.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** See `measureScale`. */
export interface Scale {
  readonly backlogSeconds: number
  readonly backlogRssMb: number
  readonly idleCpuPercent: number
  /** The same without any agent: what a process costs that looks for the commits of others. */
  readonly emptyCpuPercent: number
  readonly restartRecords: number
  readonly restartMs: number
}

/** 100,000 queued messages, 10,000 idle agents, a restart over 100,000 records; or a share of these numbers. */
export async function measureScale(folder: string, share = 1): Promise<Scale> {
  const measure = (what: string): Promise<Readonly<Record<string, unknown>>> => child(what, folder, share)
  await measure('fill')
  const drained = await measure('drain')
  const restarted = await measure('restart')
  const idle = await measure('idle')
  return {
    backlogSeconds: number(drained, 'seconds'),
    backlogRssMb: number(drained, 'rssMb'),
    idleCpuPercent: number(idle, 'cpuPercent'),
    emptyCpuPercent: number(idle, 'emptyCpuPercent'),
    restartRecords: number(restarted, 'records'),
    restartMs: number(restarted, 'ms'),
  }
}

function number(result: Readonly<Record<string, unknown>>, name: string): number {
  const value = result[name]
  if (typeof value !== 'number') throw new Error(`the benchmark's child gave no ${name}`)
  return value
}

function child(what: string, folder: string, share: number): Promise<Readonly<Record<string, unknown>>> {
  const script = fileURLToPath(new URL('scale-child.ts', import.meta.url))
  // Node's default young generation alone may take 100 MB; 16 MB cost no speed here.
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=16',
    script,
    what,
    folder,
    String(share),
  ]
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    started.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    started.on('error', reject)
    started.on('exit', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Readonly<Record<string, unknown>>)
      else reject(new Error(`the benchmark's child "${what}" ended with ${code}`))
    })
  })
}

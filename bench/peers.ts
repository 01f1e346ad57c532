/**
 * The queues in `peers/`, a package of its own, so that the project does not depend on them. It is installed when it is
 * first asked for.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'peers')
const INSTALLED = join(FOLDER, 'node_modules', '.package-lock.json')
const TIMEOUT_MS = 180_000

/** The peers that there are: their packages and scripts have these names. */
export const PEERS = ['pg-boss', 'graphile-worker'] as const

/** The name of one. */
export type PeerName = (typeof PEERS)[number]

/** What one did. Rates are per second. */
export interface PeerReport {
  readonly version: string
  readonly w1: Rate
  readonly w2: { readonly p50Ms: number; readonly p99Ms: number; readonly perSecond: number }
  readonly w3: Rate
}

/** A rate, and whether all that was to be done was done before the time was up. */
interface Rate {
  readonly perSecond: number
  readonly handled: number
  /** Deliveries of what had been delivered. */
  readonly repeated: number
  readonly complete: boolean
}

/** Installs the peers unless they are there. Throws when npm cannot. */
export function installPeers(): void {
  const lock = join(FOLDER, 'package-lock.json')
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(lock).mtimeMs) return
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const { error, status } = spawnSync('npm', args, { cwd: FOLDER, stdio: ['ignore', 2, 2] })
  if (error !== undefined || status !== 0)
    throw new Error(`npm install failed in bench/peers (${error?.message ?? status})`)
}

/** Runs one on an empty database, alone in its process. `share` of the numbers. */
export async function measurePeer(name: PeerName, url: string, share: number): Promise<PeerReport> {
  const { version } = JSON.parse(
    readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8'),
  ) as { readonly version: string }
  const out = await output(join(FOLDER, `${name}.mjs`), [url, String(share)])
  return { version, ...(JSON.parse(out) as Omit<PeerReport, 'version'>) }
}

function output(script: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: TIMEOUT_MS,
    })
    let out = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out)
      else reject(new Error(`${script} ended with ${signal ?? code}`))
    })
  })
}

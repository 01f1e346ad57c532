/**
 * The processes of the demo: one for each member, each with its own key and its own database in a temporary folder.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { fileKeyring } from '../../src/adapters/node/keyring.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { makeRoster } from '../../src/council/roster.ts'
import {
  askRunningReplica,
  councilFiles,
  createReplicaFile,
  readMemberFolder,
  type MemberFolder,
} from '../../src/open-council.ts'
import type { Kind } from './lies.ts'

const START_MS = 20_000
/** Sources stripped of their types once: the processes start in a third of the time. */
const COMPILED = fileBeside('../../node_modules/.cache/coterie-council')
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']

function fileBeside(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** The replicas of the demo. */
export class Crew {
  readonly folder: string
  readonly rosterFile: string
  readonly #places = new Map<string, MemberFolder>()
  readonly #processes = new Map<string, ChildProcess>()
  readonly #traitor: { readonly member: string; readonly kind: Kind } | undefined
  readonly #noise: string[] = []

  private constructor(folder: string, traitor: { readonly member: string; readonly kind: Kind } | undefined) {
    this.folder = folder
    this.rosterFile = councilFiles(folder).roster
    this.#traitor = traitor
  }

  /** Makes keys, the membership file and empty databases. */
  static async make(
    members: readonly string[],
    traitor: { readonly member: string; readonly kind: Kind } | undefined,
  ): Promise<Crew> {
    const crew = new Crew(mkdtempSync(join(tmpdir(), 'coterie-council-demo-')), traitor)
    const ports = await freePorts(members.length)
    const cards = members.map((id, at) => {
      const folder = join(crew.folder, id)
      mkdirSync(folder)
      const { publicKey } = fileKeyring(councilFiles(folder).keys, nodeCrypto, systemRandom).create(id)
      return { id, publicKey, weight: 1, url: `http://127.0.0.1:${ports[at] ?? 0}` }
    })
    const text = `${JSON.stringify(makeRoster('dependency board', cards), null, 2)}\n`
    writeFileSync(crew.rosterFile, text)
    for (const id of members) {
      const folder = join(crew.folder, id)
      writeFileSync(councilFiles(folder).roster, text)
      const place = readMemberFolder(folder)
      crew.#places.set(id, place)
      await createReplicaFile(place)
    }
    return crew
  }

  pid(member: string): number {
    return this.#processes.get(member)?.pid ?? 0
  }

  /** Starts a member's process; resolves when it is up. */
  async start(member: string): Promise<void> {
    const folder = join(this.folder, member)
    const lie = this.#traitor?.member === member ? this.#traitor.kind : undefined
    const cli = [fileBeside('../../src/cli/main.ts'), 'council', 'run', folder, '--json']
    const honest = [...cli, '--judge', fileBeside('./judge.ts')]
    const args = lie === undefined ? honest : [fileBeside('./traitor.ts'), folder, lie]
    const child = spawn(process.execPath, [...NODE_FLAGS, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED, COUNCIL_MEMBER: member },
    })
    this.#processes.set(member, child)
    child.stderr.on('data', (piece: Buffer) => this.#noise.push(`${member}: ${String(piece)}`))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`${member} has not started: ${this.noise}`)), START_MS)
    child.stdout.once('data', () => resolve())
    child.once('exit', () => reject(new Error(`${member} has stopped: ${this.noise}`)))
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Kills a member's process as the kernel does it: no warning, no farewell. */
  async kill(member: string): Promise<void> {
    const child = this.#processes.get(member)
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    child.kill('SIGKILL')
    await gone
  }

  /** What a member's replica answers. */
  ask(
    member: string,
    method: string,
    params: Readonly<Record<string, unknown>>,
    timeoutMs: number,
  ): Promise<unknown> {
    const place = this.#places.get(member)
    if (place === undefined) throw new Error(`There is no member ${member}.`)
    return askRunningReplica(place, method, params, timeoutMs)
  }

  /** Runs a command of the command line in a process of its own; answers its output and its exit code. */
  async command(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
    const child = spawn(process.execPath, [...NODE_FLAGS, fileBeside('../../src/cli/main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
    })
    let text = ''
    child.stdout.on('data', (piece: Buffer) => (text += String(piece)))
    child.stderr.on('data', (piece: Buffer) => (text += String(piece)))
    const code = await new Promise<number>((resolve) => {
      child.once('close', (exit) => resolve(exit ?? 1))
    })
    return { code, text }
  }

  /** What the processes have said on their standard error. */
  get noise(): string {
    return this.#noise.join('').trim()
  }

  /** Ends all processes and removes the folder; also from within a handler of a signal. */
  end(): void {
    for (const child of this.#processes.values()) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * Ports that nobody listens on now: below those that Linux gives to outgoing connections, where somebody may take one
 * at any moment.
 */
async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.on('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (free) ports.add(port)
  }
  return [...ports]
}

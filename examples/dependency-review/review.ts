/**
 * The program: asks the coordinator for each package, many at a time, and gathers the verdicts. Each question has an
 * idempotency key made of the package's facts, so that a second run gets the first one's answers.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { agents, coordinator, packageId, REVIEW_TIMEOUT_MS } from './agents.ts'
import { LockfileError } from './lockfile/errors.ts'
import { parseLockfile } from './lockfile/parse.ts'
import type { Assignment, Verdict } from './messages.ts'
import type { Options } from './options.ts'
import { UsageError } from './problems.ts'
import type { Progress } from './progress.ts'

/** Raise it when the same facts may lead to another verdict: earlier answers are then not taken over. */
const POLICY_VERSION = 1
const IN_FLIGHT = 48
const LOCKFILE_BYTES_MAX = 256 * 1024 * 1024

/** What a run has come to. */
export interface Review {
  readonly version: 1
  readonly space: string
  readonly db: string
  readonly input: string
  readonly packages: number
  readonly decisions: readonly Verdict[]
  /** Decided by an earlier run with the same database. */
  readonly before: number
  readonly messages: number
  readonly turns: number
  readonly elapsedMs: number
}

/** Reviews every package of the lock file. */
export async function reviewLockfile(options: Options, stop: AbortSignal, progress: Progress): Promise<Review> {
  const start = performance.now()
  const lockfile = parseLockfile(readInput(options.input), options.input)
  const tasks = lockfile.packages.map((pkg): Assignment => ({
    pkg,
    nodeVersion: process.versions.node,
    licencesRecorded: lockfile.licencesRecorded,
    projectFolder: options.projectFolder,
  }))
  await using space = await open(`sqlite:${options.db}`, { agents })
  const first = (await space.status()).position
  const decisions = new Map<string, Verdict>()
  let next = 0
  const reviewer = async (): Promise<void> => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
      stop.throwIfAborted()
      const verdict = await ask(space, task, stop)
      decisions.set(verdict.package, verdict)
      progress.update(decisions.size, tasks.length, rate(decisions.size, start))
    }
  }
  progress.update(0, tasks.length, '')
  await Promise.all(Array.from({ length: IN_FLIGHT }, reviewer))
  const elapsedMs = Math.round(performance.now() - start)
  return { version: 1, db: options.db, input: options.input, packages: tasks.length, elapsedMs, ...(await figures(space, first, decisions)) }
}

async function ask(space: Space, task: Assignment, stop: AbortSignal): Promise<Verdict> {
  const name = packageId(task)
  const facts = createHash('sha256').update(JSON.stringify([POLICY_VERSION, task])).digest('hex').slice(0, 16)
  const answer = space.ask(coordinator.review, task, {
    key: name,
    idempotencyKey: facts,
    timeoutMs: REVIEW_TIMEOUT_MS,
    correlation: name,
  })
  answer.catch(() => undefined)
  const stopped = new Promise<never>((_resolve, reject) => {
    if (stop.aborted) reject(stop.reason)
    else stop.addEventListener('abort', () => reject(stop.reason), { once: true })
  })
  stopped.catch(() => undefined)
  return Promise.race([answer, stopped])
}

async function figures(space: Space, first: number, verdicts: ReadonlyMap<string, Verdict>) {
  const status = await space.status()
  const decisions = [...verdicts.values()].toSorted((a, b) => (a.package < b.package ? -1 : 1))
  let before = 0
  for (const { certificate } of decisions) {
    const decision = await space.store.decision(certificate)
    if (decision !== undefined && decision.position <= first) before += 1
  }
  let messages = 0
  for (const count of Object.values(status.messages)) messages += count
  const turns = status.mailboxes.reduce((sum, { address, records }) => sum + (/^(client|@owner)/.test(address) ? 0 : records), 0)
  return { space: space.name, decisions, before, messages, turns }
}

function readInput(file: string): string {
  try {
    if (statSync(file).size > LOCKFILE_BYTES_MAX) {
      throw new LockfileError('LOCKFILE_TOO_LARGE', `${file} is larger than ${LOCKFILE_BYTES_MAX} bytes; this is not a lock file that npm wrote.`)
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof LockfileError) throw error
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function rate(done: number, start: number): string {
  return `${Math.round(done / ((performance.now() - start) / 1000))}/s`
}


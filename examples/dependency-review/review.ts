/**
 * The program: asks the coordinator for each package, many at a time, and gathers the verdicts. Each question
 * has an idempotency key made of everything that the answer depends on, so that a second run gets the first
 * one's answers, and a run that was killed is taken up where it was.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { CoterieError, open } from '../../src/index.ts'
import type { ErrorValue, Space } from '../../src/index.ts'
import { storeUrl, withoutPassword } from '../../src/core/store-url.ts'
import { agents, coordinator, instanceKey, REVIEW_KEPT_MS } from './agents.ts'
import { defaultPolicy } from './analysis/policy.ts'
import { wellKnownNames } from './analysis/well-known-names.ts'
import type { Lockfile } from './lockfile/types.ts'
import { packageId } from './messages.ts'
import type { Assignment, Verdict } from './messages.ts'
import { ReviewError } from './problems.ts'
import type { Progress } from './progress.ts'
import { workSince } from './work.ts'
import type { Work } from './work.ts'

/** What the answer depends on besides the package. Raise the number when the rounds or the checks change. */
const RULES = sha256(JSON.stringify([1, defaultPolicy, wellKnownNames]))
/** Packages under review at the same moment: enough to fill each commit; more are not decided any faster. */
const IN_FLIGHT = 24
/** When nothing is decided for so long, something is wrong. */
const STALL_MS = 10 * 60_000
/** A process that was killed holds its mailboxes for so long. */
const LEASE_MS = 3_000

/** What a run has come to. */
export interface Review extends Work {
  readonly version: 1
  readonly space: string
  /** Without its password. */
  readonly db: string
  /** See `Job`. */
  readonly again: string
  readonly packages: number
  /** Sorted by package. */
  readonly decisions: readonly Verdict[]
  /** How many an earlier run had decided. */
  readonly before: number
  /** From opening the database to the last decision. */
  readonly elapsedMs: number
}

/** What to review, and where to keep it. */
export interface Job {
  readonly lockfile: Lockfile
  /** A path, or the URL of a store. */
  readonly db: string
  /** How the command line names it: ` --db FILE`, or nothing when the environment does. */
  readonly again: string
  readonly projectFolder: string | null
}

/**
 * Reviews every package of the lock file. Throws ReviewError when some could not be decided, the reason of
 * `stop` when it fires, COTERIE_DEADLINE_PASSED when nothing was decided for ten minutes, and what `open` throws.
 */
export async function review(job: Job, stop: AbortSignal, progress: Progress): Promise<Review> {
  const start = performance.now()
  const keyring = process.env['COTERIE_KEYRING']
  await using space = await open(storeUrl(job.db), {
    agents,
    limits: { leaseMs: LEASE_MS },
    ...(keyring !== undefined && keyring !== '' && { keyring }),
  })
  const { position } = await space.status()
  const run = new Run(space, job, progress)
  await run.all(stop)
  const elapsedMs = Math.round(performance.now() - start)
  if (run.failures.length > 0) throw new ReviewError(run.failures, job.again)
  return {
    version: 1,
    space: space.name,
    db: withoutPassword(job.db),
    again: job.again,
    packages: job.lockfile.packages.length,
    decisions: [...run.verdicts].sort((a, b) => (a.package < b.package ? -1 : 1)),
    before: run.before,
    ...(await workSince(space, position)),
    elapsedMs,
  }
}

class Run {
  readonly verdicts: Verdict[] = []
  readonly failures: { readonly package: string; readonly error: ErrorValue }[] = []
  before = 0
  readonly #space: Space
  readonly #tasks: readonly Assignment[]
  readonly #progress: Progress
  readonly #start = performance.now()
  #next = 0
  #stopped = false

  constructor(space: Space, { lockfile, projectFolder }: Job, progress: Progress) {
    this.#space = space
    this.#progress = progress
    const { licencesRecorded } = lockfile
    const nodeVersion = process.versions.node
    this.#tasks = lockfile.packages.map((pkg) => ({ pkg, nodeVersion, licencesRecorded, projectFolder }))
  }

  async all(stop: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<never>()
    const onStop = (): void => stopped.reject(stop.reason)
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop)
    const stall = setTimeout(() => stopped.reject(this.#stalled()), STALL_MS)
    try {
      this.#show()
      const lanes = Array.from({ length: IN_FLIGHT }, () => this.#lane(() => stall.refresh()))
      await Promise.race([Promise.all(lanes), stopped.promise])
    } finally {
      this.#stopped = true
      clearTimeout(stall)
      stop.removeEventListener('abort', onStop)
    }
  }

  /** Reviews one package after the other, until none is left. */
  async #lane(decided: () => void): Promise<void> {
    for (let task = this.#tasks[this.#next++]; task !== undefined; task = this.#tasks[this.#next++]) {
      const { answer, isDecided } = await this.#ask(task)
      if (this.#stopped) return
      if (isDecided) this.before += 1
      if (answer.ok) this.verdicts.push(answer.value)
      else this.failures.push({ package: packageId(task), error: answer.error })
      decided()
      this.#show()
    }
  }

  async #ask(task: Assignment) {
    const key = instanceKey(task)
    const { idempotencyKey, isDecided } = await this.#question(task, key)
    const options = { key, idempotencyKey, timeoutMs: REVIEW_KEPT_MS, correlation: key }
    return { isDecided, answer: await this.#space.askSettled(coordinator.review, task, options) }
  }

  /** The question's key. What an earlier run asked and never got an answer to is asked once more. */
  async #question(task: Assignment, key: string) {
    const hash = sha256(JSON.stringify([RULES, task])).slice(0, 32)
    const [client = ''] = this.#space.address.split('/')
    for (let time = 1; ; time += 1) {
      const idempotencyKey = `${key} ${hash}${time === 1 ? '' : ` ${time}`}`
      const earlier = await this.#space.store.messageByKey(
        client,
        `${coordinator.name}/${key}`,
        idempotencyKey,
      )
      const isOver = ['dead', 'expired', 'cancelled'].includes(earlier?.state ?? '')
      if (!isOver) return { idempotencyKey, isDecided: earlier?.state === 'handled' }
    }
  }

  #show(): void {
    const done = this.verdicts.length
    const fresh = done - this.before
    this.#progress.update({
      done,
      total: this.#tasks.length,
      rejected: this.verdicts.filter(({ outcome }) => outcome.endsWith('rejected')).length,
      escalated: this.verdicts.filter(({ outcome }) => outcome.startsWith('escalated')).length,
      rate: Math.max(0, Math.round(fresh / ((performance.now() - this.#start) / 1000))),
    })
  }

  #stalled(): CoterieError {
    return new CoterieError(
      'COTERIE_DEADLINE_PASSED',
      `Nothing was decided for ${STALL_MS / 60_000} minutes; ` +
        `${this.verdicts.length} of ${this.#tasks.length} packages are. ` +
        'Look with "npm run coterie -- status", then run the same command again to go on.',
    )
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

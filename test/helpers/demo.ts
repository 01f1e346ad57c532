/** Runs the review of a lock file as its users do: as a process of its own, which may be killed. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { reviewContext, reviewPackage } from '../../examples/dependency-review/analysis/review.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'
import type { Verdict } from '../../examples/dependency-review/messages.ts'
import { coterie, ended } from '../cli/cli.ts'
import type { Result } from '../cli/cli.ts'
import { ROOT } from '../repo/files.ts'

const MAIN = join(ROOT, 'examples', 'dependency-review', 'main.ts')
/** The module with the agents of the review, for `coterie run`. */
export const REVIEW_AGENTS: string = join(ROOT, 'examples', 'dependency-review', 'agents.ts')
/** A process that takes longer hangs. */
const TIMEOUT_MS = 60_000
/** The sources, stripped of their types once. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'coterie-demo')
const LOOK_EVERY_MS = 3

/** The document of `--json`. */
export interface Document {
  readonly version: number
  readonly space: string
  readonly db: string
  readonly packages: number
  readonly decisions: readonly Omit<Verdict, 'needed' | 'findings'>[]
  readonly messages: number
  readonly turns: number
  readonly elapsedMs: number
}

/** A vote as the database has it. */
export interface Vote {
  readonly id: string
  readonly package: string
  readonly round: string
}

/** A lock file of the fixtures. */
export function lockfileOf(name: 'boring' | 'suspicious' | 'v2'): string {
  return join(ROOT, 'test', 'fixtures', 'lockfiles', name, 'package-lock.json')
}

/** Starts the program. */
export function startDemo(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const {
    NO_COLOR: _colour,
    COTERIE_DB: _db,
    COTERIE_STORE: _store,
    COTERIE_KEYRING: _keys,
    ...rest
  } = process.env
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: { ...rest, NODE_COMPILE_CACHE: COMPILED, ...env },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs the program to its end. */
export function demo(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Result> {
  return ended(startDemo(args, env))
}

/** Reviews a lock file, which must succeed, and must print one document and nothing else. */
export async function reviewed(input: string, db: string): Promise<Document> {
  return documentIn(await demo(['--input', input, '--db', db, '--json']))
}

/** The document that a process printed. */
export function documentIn({ code, stdout, stderr }: Result): Document {
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  assert.match(stdout, /^\{.*\}\n$/)
  return JSON.parse(stdout) as Document
}

/** What one plain function comes to, without agents, messages or a database: the outcome by package. */
export function plainOutcomes(input: string): Record<string, string> {
  const lockfile = parseLockfile(readFileSync(input, 'utf8'), input)
  const context = reviewContext(lockfile, { nodeVersion: process.versions.node })
  return Object.fromEntries(
    lockfile.packages.map((pkg) => [`${pkg.name}@${pkg.version}`, reviewPackage(pkg, context).outcome]),
  )
}

/** The outcome by package. */
export function outcomesOf({ decisions }: Document): Record<string, string> {
  return Object.fromEntries(decisions.map((one) => [one.package, one.outcome]))
}

/** The certificate by package. */
export function certificatesOf({ decisions }: Document): Record<string, string> {
  return Object.fromEntries(decisions.map((one) => [one.package, one.certificate]))
}

/** Every vote of the database, in the order of the log. */
export function votesIn(db: string): readonly Vote[] {
  return inDatabase(db, (database) =>
    database
      .prepare('SELECT id, certificate FROM decisions ORDER BY position')
      .all()
      .map(({ id, certificate }) => {
        const { proposal } = JSON.parse(String(certificate)) as { proposal: { subject: Omit<Vote, 'id'> } }
        return { id: String(id), package: proposal.subject.package, round: proposal.subject.round }
      }),
  )
}

/** Resolves when the log has so many records. Fails when the process ends before. */
export async function logReaches(db: string, records: number, child: ChildProcess): Promise<void> {
  while (recordsIn(db) < records) {
    assert.equal(child.exitCode, null, `The process ended before there were ${records} records.`)
    await pause(LOOK_EVERY_MS)
  }
}

/** Kills the process, which must not have ended before, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
  assert.equal(child.signalCode, 'SIGKILL')
}

/**
 * Asserts what holds of every finished review: the outcomes are those of the plain function, each package was put
 * to the vote once in each of its rounds, the log verifies, and a decision can be explained.
 */
export async function assertSound(document: Document, input: string, db: string): Promise<void> {
  const expected = plainOutcomes(input)
  assert.deepEqual(outcomesOf(document), expected)
  const wanted = Object.entries(expected).flatMap(([name, outcome]) =>
    outcome.startsWith('escalated') ? [`${name} first`, `${name} second`] : [`${name} first`],
  )
  const votes = votesIn(db)
  assert.deepEqual(new Set(votes.map((vote) => `${vote.package} ${vote.round}`)), new Set(wanted))
  assert.equal(votes.length, wanted.length)
  // The certificate is that of the last round.
  const last = Object.fromEntries(votes.map((vote) => [vote.package, vote.id]))
  assert.deepEqual(certificatesOf(document), last)
  const [first] = document.decisions
  assert.ok(first)
  const [verify, why] = await Promise.all([
    coterie(['verify', '--db', db]),
    coterie(['why', first.certificate, '--db', db]),
  ])
  assert.equal(verify.code, 0, verify.stderr)
  assert.equal(why.code, 0, why.stderr)
  assert.match(why.stdout, /certificate verified/)
}

function recordsIn(db: string): number {
  try {
    return inDatabase(db, (database) =>
      Number(database.prepare('SELECT count(*) AS count FROM records').get()?.['count']),
    )
  } catch {
    // Not there yet, or being made.
    return 0
  }
}

function inDatabase<T>(db: string, read: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(db, { readOnly: true })
  try {
    return read(database)
  } finally {
    database.close()
  }
}

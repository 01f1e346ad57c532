import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { reviewContext, reviewPackage } from '../../examples/dependency-review/analysis/review.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'

const MAIN = fileURLToPath(new URL('../../examples/dependency-review/main.ts', import.meta.url))
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** The document of `--json`. */
export interface Document {
  readonly version: number
  readonly space: string
  readonly db: string
  readonly packages: number
  readonly decisions: readonly {
    readonly package: string
    readonly outcome: string
    readonly tally: Readonly<Record<string, number>>
    readonly certificate: string
    readonly reasons: readonly { readonly by: string; readonly choice: string; readonly reason: string }[]
  }[]
  readonly messages: number
  readonly turns: number
  readonly elapsedMs: number
}

/** The path of a lock file that comes with the tests. */
export function lockfilePath(name: 'boring' | 'suspicious' | 'v2'): string {
  return fileURLToPath(new URL(`../fixtures/lockfiles/${name}/package-lock.json`, import.meta.url))
}

/** A folder that is removed with the test. */
export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-demo-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs the review to its end, or until `stopAt` has become true, when it is killed. */
export function demo(args: readonly string[], stopAt?: () => boolean): Promise<Ended> {
  return run(MAIN, args, stopAt)
}

/** Runs the command line to its end. */
export function coterie(args: readonly string[]): Promise<Ended> {
  return run(CLI, args)
}

/** Runs the review with `--json` and reads the document. */
export async function review(input: string, db: string, ...more: readonly string[]): Promise<Document> {
  const { code, out, err } = await demo(['--input', input, '--db', db, '--json', ...more])
  if (code !== 0 || err !== '') throw new Error(`The review ended with ${code}: ${err}`)
  return JSON.parse(out) as Document
}

/** What each package of a lock file deserves, by the same rules without agents. */
export function expected(input: string): Record<string, string> {
  const lockfile = parseLockfile(readFileSync(input, 'utf8'), input)
  const context = reviewContext(lockfile, { nodeVersion: process.versions.node })
  return Object.fromEntries(
    lockfile.packages.map((pkg) => [`${pkg.name}@${pkg.version}`, reviewPackage(pkg, context).outcome]),
  )
}

/** The outcomes of a document by package. */
export function outcomes({ decisions }: Document): Record<string, string> {
  return Object.fromEntries(decisions.map((one) => [one.package, one.outcome]))
}

/** A lock file with so many packages; every tenth is rejected in the second round, the others are boring. */
export function manyPackages(count: number): string {
  const packages: Record<string, unknown> = { '': { name: 'many' } }
  for (let index = 0; index < count; index += 1) {
    packages[`node_modules/some-widget-${index}`] = {
      version: '1.0.0',
      license: index % 10 === 9 ? 'GPL-3.0-only' : 'MIT',
      integrity: `sha512-${Buffer.alloc(64, index).toString('base64')}`,
    }
  }
  return JSON.stringify({ name: 'many', lockfileVersion: 3, packages })
}

/** The bytes that a database has written, those in its log of writes included. */
export function bytesOf(db: string): number {
  return [db, `${db}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

function run(script: string, args: readonly string[], stopAt?: () => boolean): Promise<Ended> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '' },
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const watch = setInterval(() => {
    if (stopAt?.() === true) child.kill('SIGKILL')
  }, 2)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(watch)
      resolve({ code, signal, out, err })
    })
  })
}

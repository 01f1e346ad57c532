/** Runs the command line as its users do: as a process of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { ROOT } from '../repo/files.ts'

/** A process that takes longer hangs. */
const TIMEOUT_MS = 30_000
/** The sources, stripped of their types once: a third of the time to start. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'coterie-cli')
const MAIN = join(ROOT, 'src', 'cli', 'main.ts')

/** A module with agents. */
export const AGENTS: string = join(ROOT, 'test', 'fixtures', 'cli', 'agents.ts')

/** What a process left behind. */
export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What a process is given. */
interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-cli-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts `coterie` with these arguments. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const {
    COLUMNS: _columns,
    COTERIE_DB: _db,
    COTERIE_STORE: _store,
    COTERIE_KEYRING: _keys,
    NO_COLOR: _colour,
    ...rest
  } = process.env
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: { ...rest, NODE_COMPILE_CACHE: COMPILED, ...env },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Waits until a process has ended. */
export function ended(child: ChildProcess): Promise<Result> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs `coterie` to its end. */
export function coterie(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const child = start(args, options.env)
  child.stdin?.end(options.input ?? '')
  return ended(child)
}

/** Runs `coterie`, which must succeed; its standard output. */
export async function succeed(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await coterie(args, options)
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Runs `coterie`, which must fail like this; its standard error. */
export async function fail(args: readonly string[], exit: number, code: string): Promise<string> {
  const result = await coterie(args)
  assert.equal(result.code, exit, `${args.join(' ')}: ${result.stderr}`)
  assert.match(result.stderr, new RegExp(`\\b${code}\\b`))
  assert.match(result.stderr, args.includes('--json') ? /^\{"error":\{/ : /^error: /m)
  return result.stderr
}

/** The objects of a text with one JSON object a line. */
export function jsonLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
}

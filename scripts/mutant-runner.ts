/** Applies deliberate faults to copies of the sources, one at a time, and sees whether the tests notice. */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from '../test/mutants/mutant.ts'

/** What became of a mutant. A run that takes too long counts as killed: the fault was noticed. */
export type Fate = 'killed' | 'timed out' | 'survived'

/** One row of the report. */
export interface MutantResult {
  readonly mutant: Mutant
  readonly fate: Fate
  readonly ms: number
}

/** How to run the mutants. */
export interface RunOptions {
  /** The folder of the project. */
  readonly root: string
  /** How long the tests of one mutant may take. */
  readonly timeoutMs: number
  /** How many run at the same time. */
  readonly concurrency: number
  /** Called as each ends. */
  readonly onResult?: (result: MutantResult) => void
}

/** What a copy consists of; what a project lacks is left out. */
const COPIED: readonly string[] = [
  'src',
  'test',
  'scripts',
  'examples',
  'bench',
  'docs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
]

interface TestRun {
  readonly code: number
  readonly timedOut: boolean
  readonly output: string
}

/**
 * Runs every mutant. Throws when the list itself is wrong: a name twice, a file or a test that does not exist,
 * a text that does not occur exactly once, a change that does not parse, tests that fail without any fault.
 */
export async function runMutants(
  mutants: readonly Mutant[],
  options: RunOptions,
): Promise<readonly MutantResult[]> {
  await checkMutants(mutants, options.root)
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))].sort()
  // All the tests together get the time of all the mutants.
  const baselineMs = options.timeoutMs * Math.max(1, Math.ceil(tests.length / 4))
  const baseline = await inCopy(options.root, (folder) => runTests(folder, tests, baselineMs))
  if (baseline.code !== 0) throw new Error(`The tests fail without any fault:\n${baseline.output}`)

  const results: MutantResult[] = []
  const waiting = [...mutants.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await runMutant(next[1], options)
      results[next[0]] = result
      options.onResult?.(result)
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
  return results
}

async function runMutant(mutant: Mutant, options: RunOptions): Promise<MutantResult> {
  const startedAt = performance.now()
  const run = await inCopy(options.root, async (folder) => {
    const file = join(folder, mutant.file)
    await writeFile(file, mutate(await readFile(file, 'utf8'), mutant))
    return runTests(folder, mutant.tests, options.timeoutMs)
  })
  const fate = run.timedOut ? 'timed out' : run.code === 0 ? 'survived' : 'killed'
  return { mutant, fate, ms: performance.now() - startedAt }
}

/** The text with the fault in it. Throws when that is not well defined. */
export function mutate(text: string, mutant: Mutant): string {
  const times = text.split(mutant.find).length - 1
  if (times !== 1)
    throw new Error(`${mutant.name}: "${mutant.find}" occurs ${times} times in ${mutant.file}, not once.`)
  const changed = text.replace(mutant.find, () => mutant.replace)
  if (changed === text) throw new Error(`${mutant.name}: it changes nothing.`)
  if (mutant.file.endsWith('.ts')) {
    try {
      stripTypeScriptTypes(changed)
    } catch (cause) {
      throw new Error(`${mutant.name}: ${mutant.file} does not parse with it.`, { cause })
    }
  }
  return changed
}

/** Throws when the list does not fit the sources as they are; runs nothing. */
export async function checkMutants(mutants: readonly Mutant[], root: string): Promise<void> {
  const names = new Set<string>()
  for (const mutant of mutants) {
    if (names.has(mutant.name)) throw new Error(`${mutant.name}: two mutants have this name.`)
    names.add(mutant.name)
    if (mutant.tests.length === 0) throw new Error(`${mutant.name}: it names no tests.`)
    for (const path of [mutant.file, ...mutant.tests]) {
      if (!existsSync(join(root, path))) throw new Error(`${mutant.name}: there is no ${path}.`)
    }
    mutate(await readFile(join(root, mutant.file), 'utf8'), mutant)
  }
}

/** Gives `task` a fresh copy of the project, and removes it afterwards. */
async function inCopy<T>(root: string, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-mutant-'))
  try {
    for (const name of COPIED) {
      if (existsSync(join(root, name))) await cp(join(root, name), join(folder, name), { recursive: true })
    }
    if (existsSync(join(root, 'node_modules')))
      await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    return await task(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs test files in a process group of their own, so that whatever they started can be ended with them. */
function runTests(folder: string, tests: readonly string[], timeoutMs: number): Promise<TestRun> {
  const env = { ...process.env }
  // Set in tests; a test runner that sees it would report to a parent that does not listen.
  delete env['NODE_TEST_CONTEXT']
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=1',
    '--test-reporter=spec',
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args, ...tests], {
      cwd: folder,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let timedOut = false
    const collect = (chunk: Buffer): void => {
      output = `${output}${chunk.toString()}`.slice(-20_000)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const timer = setTimeout(() => {
      timedOut = true
      endGroup(child.pid)
    }, timeoutMs)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      endGroup(child.pid)
      resolve({ code: code ?? 1, timedOut, output })
    })
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of the group is left.
  }
}

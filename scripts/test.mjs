/**
 * Runs the tests: `npm test`, `npm test -- test/voting`, `npm test -- 'test/**\/store*.test.ts'`.
 * Arguments are files, folders or glob patterns; those that begin with a dash go to `node --test`.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keepPostgres } from '../test/support/postgres/keeper.ts'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const CONCURRENCY = 2
/** A test that takes longer hangs. */
const TIMEOUT_MS = 300_000

function filesOf(pattern) {
  const path = join(ROOT, pattern)
  if (existsSync(path) && statSync(path).isDirectory()) {
    return globSync('**/*.test.ts', { cwd: path }).map((file) => join(pattern, file))
  }
  return globSync(pattern, { cwd: ROOT })
}

const args = process.argv.slice(2)
const flags = args.filter((arg) => arg.startsWith('-'))
const patterns = args.filter((arg) => !arg.startsWith('-'))
const files = new Set()
for (const pattern of patterns.length === 0 ? ['test'] : patterns) {
  const found = filesOf(pattern)
  if (found.length === 0) {
    process.stderr.write(`No test file matches ${pattern}.\n`)
    process.exit(2)
  }
  for (const file of found) files.add(file)
}

const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
    ...flags,
    ...[...files].sort((a, b) => a.localeCompare(b)),
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...(await keepPostgres()) } },
)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? code : 128 + constants.signals[signal]
})

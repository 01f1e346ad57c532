/**
 * Everything that is checked without running the tests: `npm run check`, or some steps by name:
 * `npm run check -- lint format`. Every step runs, also after one that failed.
 */
import { script, tool } from './tool.mjs'

const CAPTURE = { capture: true }

const STEPS = {
  typecheck: () => tool('tsc', ['-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'], CAPTURE),
  lint: () => tool('oxlint', ['--deny-warnings'], CAPTURE),
  format: () => tool('oxfmt', ['--check'], CAPTURE),
  knip: () => tool('knip', ['--no-progress'], CAPTURE),
  // Also proves that every export has a type that a declaration file can state (isolatedDeclarations).
  build: () => script('build.mjs', [], CAPTURE),
  publint: () => tool('publint', ['--strict'], CAPTURE),
  attw: () => tool('attw', ['--pack', '.', '--profile', 'esm-only', '--no-emoji', '--no-color'], CAPTURE),
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(STEPS, name))
if (unknown.length > 0) {
  process.stderr.write(
    `No step is called ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}.\n`,
  )
  process.exit(2)
}

let failed = 0
for (const [name, run] of Object.entries(STEPS)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const startedAt = performance.now()
  const { code, stdout, stderr } = run()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  process.stdout.write(`${code === 0 ? 'pass' : 'FAIL'}  ${name.padEnd(10)} ${seconds.padStart(5)} s\n`)
  if (code === 0) continue
  failed += 1
  process.stdout.write(`${stdout}${stderr}\n`)
}
process.stdout.write(failed === 0 ? 'check: all passed\n' : `check: ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1

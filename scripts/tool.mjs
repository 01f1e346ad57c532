/** How the scripts call the tools in node_modules. */
import { spawnSync } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** An environment in which `node` is the one that runs this script. */
export const ENVIRONMENT = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
}

/** Runs a command to its end; `capture` gathers what it prints, otherwise it prints by itself. */
export function command(name, args, { cwd = ROOT, capture = false, timeoutMs = 600_000 } = {}) {
  const result = spawnSync(name, args, {
    cwd,
    env: ENVIRONMENT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: capture ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    timeout: timeoutMs,
  })
  if (result.error !== undefined) throw new Error(`${name} did not run: ${result.error.message}`)
  return { code: result.status ?? 1, stdout: result.stdout ?? '', stderr: result.stderr ?? '' }
}

/** Runs a tool of the project's development dependencies. */
export function tool(name, args, options) {
  return command(join(ROOT, 'node_modules', '.bin', name), args, options)
}

/** Runs one of the scripts beside this file under the same Node. */
export function script(name, args, options) {
  return command(process.execPath, [join(ROOT, 'scripts', name), ...args], options)
}

/** The verifier in Python, which knows nothing but the format text. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../repo/files.ts'

/** The folder of the vectors, and of the verifier. */
export const VECTORS: string = join(ROOT, 'docs', 'vectors')

const python = spawnSync('python3', ['--version'], { encoding: 'utf8' })

/** Why tests with the verifier do not run here; false when they do. */
export const skip: string | false = python.status === 0 ? false : 'there is no python3 on this machine'

/** Runs the verifier. */
export function runPython(...args: readonly string[]): {
  readonly status: number | null
  readonly said: string
} {
  const { status, stdout, stderr } = spawnSync('python3', ['-B', join(VECTORS, 'verify.py'), ...args], {
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}` }
}

/** What the benchmarks of all stores say in one way. */
import { cpus, tmpdir, totalmem } from 'node:os'

/** Options of a run. */
export interface BenchOptions {
  readonly quick: boolean
  readonly json: boolean
  /** Of the suite of decisions: councils of these sizes alone, and no votes. */
  readonly councils?: readonly number[]
}

/** Tells how far it is, beside the report. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A number for people. */
export function n(value: number, digits = 0): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

/** What it ran on. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown'
  return `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
}

/** Where databases are made. */
export function benchFolder(): string {
  return process.env['COTERIE_BENCH_DIR'] ?? tmpdir()
}

/** Proves that the tests notice deliberate faults: `npm run mutants`, `npm run mutants -- --only NAME`. */
import { parseArgs } from 'node:util'
import { dirname } from 'node:path'
import { mutants } from '../test/mutants/mutants.ts'
import { runMutants, type MutantResult } from './mutant-runner.ts'

const TIMEOUT_MS = 60_000
const CONCURRENCY = 2

const HELP = `usage: npm run mutants -- [--only NAME]... [--json]

Applies each deliberate fault of test/mutants/mutants.ts to a copy of the sources and runs the tests
that it names: they must fail. Exit code 0 when every fault was noticed, 1 when one was not, or when the
list does not fit the sources.

  --only NAME  run this one alone; may be given several times
  --json       print the results as JSON
  --help       print this
`

function row(result: MutantResult): string {
  const { mutant, fate, ms } = result
  const mark = fate === 'survived' ? 'SURVIVED ' : fate.padEnd(9)
  return `${mark}  ${(ms / 1000).toFixed(1).padStart(5)} s  ${mutant.name.padEnd(44)}  ${mutant.invariant}`
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const only = values.only
  const chosen = only === undefined ? mutants : mutants.filter((mutant) => only.includes(mutant.name))
  const unknown = (only ?? []).filter((name) => !mutants.some((mutant) => mutant.name === name))
  if (unknown.length > 0) throw new Error(`No mutant is called ${unknown.join(', ')}.`)
  if (chosen.length === 0) throw new Error('test/mutants/mutants.ts lists no mutants: nothing was proved.')

  const results = await runMutants(chosen, {
    root: dirname(import.meta.dirname),
    timeoutMs: TIMEOUT_MS,
    concurrency: CONCURRENCY,
    onResult: (result) => {
      if (!values.json) process.stdout.write(`${row(result)}\n`)
    },
  })
  const survivors = results.filter((result) => result.fate === 'survived')
  if (values.json) {
    const plain = results.map(({ mutant, fate, ms }) => ({ name: mutant.name, fate, ms: Math.round(ms) }))
    process.stdout.write(`${JSON.stringify(plain, undefined, 2)}\n`)
  } else {
    // Again at the end: of a long list the end is what is read first, and of a long log what is kept.
    for (const result of survivors) process.stdout.write(`${row(result)}\n`)
    process.stdout.write(
      `mutants: ${results.length - survivors.length} killed, ${survivors.length} survived\n`,
    )
  }
  return survivors.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`mutants: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

import { Worker } from 'node:worker_threads'
import type { SimulationResult } from '../../src/testing/index.ts'

const THREADS = 2
/** What warns on every start of a thread, and has nothing to do with the run. */
const EXEC_ARGV = ['--disable-warning=ExperimentalWarning']

/** Simulates `count` seeds from `from` on, in a few threads; `done` is told of each, as they end. */
export async function runSeeds(
  from: number,
  count: number,
  done: (result: SimulationResult) => void,
  threads: number = THREADS,
): Promise<void> {
  let next = from
  const end = from + count
  await Promise.all(
    Array.from({ length: Math.min(threads, count) }, async () => {
      const thread = new Worker(new URL('seed-thread.ts', import.meta.url), { execArgv: EXEC_ARGV })
      try {
        await new Promise<void>((resolve, reject) => {
          const feed = (): void => {
            if (next < end) thread.postMessage(next++)
            else resolve()
          }
          thread.on('message', (result: SimulationResult) => {
            done(result)
            feed()
          })
          thread.on('error', reject)
          feed()
        })
      } finally {
        await thread.terminate()
      }
    }),
  )
}

/** What to tell of a seed that failed: each rule once, and how to see it again. */
export function failureText({ seed, violations }: SimulationResult): string {
  const rules = new Map<string, string>()
  for (const { rule, detail } of violations) if (!rules.has(rule)) rules.set(rule, detail)
  const lines = [...rules].map(([rule, detail]) => `  ${rule}: ${detail}`)
  return `seed ${seed} broke:\n${lines.join('\n')}\n  ${replayCommand(seed)}`
}

/** The command that runs a seed again, and tells everything that happens. */
export function replayCommand(seed: number): string {
  return `npm run sim -- --seeds 1 --from ${seed} --verbose`
}

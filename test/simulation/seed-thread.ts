/** One thread of a fleet: simulates the seeds that it is sent, one after another. */
import { parentPort } from 'node:worker_threads'
import { CALM, simulate } from '../../src/testing/index.ts'

const NOTHING = { events: 0, records: 0, messages: 0, faults: 0, virtualMs: 0 }

parentPort?.on('message', (seed: number) => {
  void simulate(seed).then(
    (result) => parentPort?.postMessage(result),
    (error: unknown) => {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const violations = [{ rule: 'the simulation itself works', detail }]
      parentPort?.postMessage({ seed, hash: '', violations, swarm: CALM, counts: NOTHING })
    },
  )
})

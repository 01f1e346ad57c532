/**
 * graphile-worker: `URL SHARE`. A job is handled at least once; what a handler adds is committed on its own, before the
 * job is completed. Tuned for throughput in W1 and W3 (local queue, jobs completed in batches), for latency in W2.
 */

import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker'
import { ask, fanOut, hop, Sink } from './work.mjs'

const [, , connectionString, share = '1'] = process.argv
const [messages, rounds, recipients] = [10_000 * Number(share), 100 * Number(share), 100]
const CONCURRENCY = 16
const logger = new Logger(() => () => undefined)
const batching = {
  worker: {
    localQueue: { size: 200 },
    completeJobBatchDelay: 0,
    concurrentJobs: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 4,
  },
}

await runMigrations({ connectionString, logger })
const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: CONCURRENCY })

function work(taskList, preset) {
  return run({
    connectionString,
    concurrency: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 4,
    pollInterval: 1_000,
    noHandleSignals: true,
    logger,
    taskList,
    ...(preset && { preset }),
  })
}

async function end(runner) {
  await Promise.race([runner.stop(), new Promise((resolve) => setTimeout(resolve, 5_000))])
  await utils.withPgClient((client) => client.query('delete from graphile_worker._private_jobs'))
}

const seen = new Sink(messages)
const relay = await work(
  {
    b: async (message, helpers) => void (await helpers.addJob('c', message)),
    c: async ({ i }) => seen.hit(i),
  },
  batching,
)
const w1 = await hop((message) => utils.addJob('b', message), seen, messages)
await end(relay)

const asking = new Map()
const answerer = await work({
  question: async (message, helpers) => void (await helpers.addJob('answer', message)),
  answer: async (message) => {
    asking.get(message.i)?.(message)
    asking.delete(message.i)
  },
})
const question = (message) =>
  new Promise((resolve, reject) => {
    asking.set(message.i, resolve)
    utils.addJob('question', message).catch(reject)
  })
const w2 = await ask(question, 300 * Number(share), 5_000 * Number(share))
await end(answerer)

const spread = new Sink(recipients * rounds)
const names = Array.from({ length: recipients }, (_, i) => `r${i}`)
await work(
  Object.fromEntries(names.map((name) => [name, async ({ i }) => spread.hit(`${name}:${i}`)])),
  batching,
)
const publish = (message) => utils.addJobs(names.map((identifier) => ({ identifier, payload: message })))
const w3 = await fanOut(publish, spread, rounds)

process.stdout.write(`${JSON.stringify({ w1, w2, w3 })}\n`, () => process.exit(0))

/**
 * pg-boss: `URL SHARE`. A job is handled at least once; what a handler sends is committed on its own, before the job is
 * completed. W1 and W3 poll in batches, which is faster there; W2 is told by NOTIFY.
 */

import { PgBoss } from 'pg-boss'
import { ask, fanOut, hop, Sink } from './work.mjs'

const [, , connectionString, share = '1'] = process.argv
const [messages, rounds, recipients] = [10_000 * Number(share), 100 * Number(share), 100]

const boss = new PgBoss({
  connectionString,
  max: 20,
  schedule: false,
  supervise: false,
  useListenNotify: true,
})
boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
await boss.start()

async function work(queue, { batchSize, workers, notify = false }, handler) {
  await boss.createQueue(queue, { notify })
  const options = {
    batchSize,
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
    burstWhenBatchFull: true,
    localConcurrency: workers,
  }
  await boss.work(queue, options, handler)
}

const batches = { batchSize: 200, workers: 4 }
const seen = new Sink(messages)
await work('b', batches, (jobs) => Promise.all(jobs.map(({ data }) => boss.send('c', data))))
await work('c', batches, async (jobs) => {
  for (const { data } of jobs) seen.hit(data.i)
})
const w1 = await hop((message) => boss.send('b', message), seen, messages)
for (const queue of ['b', 'c']) await boss.offWork(queue)

const asking = new Map()
const prompt = { batchSize: 64, workers: 2, notify: true }
await work('question', prompt, (jobs) => Promise.all(jobs.map(({ data }) => boss.send('answer', data))))
await work('answer', prompt, async (jobs) => {
  for (const { data } of jobs) {
    asking.get(data.i)?.(data)
    asking.delete(data.i)
  }
})
const question = (message) =>
  new Promise((resolve, reject) => {
    asking.set(message.i, resolve)
    boss.send('question', message).catch(reject)
  })
const w2 = await ask(question, 300 * Number(share), 5_000 * Number(share))
for (const queue of ['question', 'answer']) await boss.offWork(queue)

const spread = new Sink(recipients * rounds)
for (let i = 0; i < recipients; i++) {
  const queue = `r${i}`
  await work(queue, { batchSize: 100, workers: 1 }, async (jobs) => {
    for (const { data } of jobs) spread.hit(`${queue}:${data.i}`)
  })
  await boss.subscribe('all', queue)
}
const w3 = await fanOut((message) => boss.publish('all', message), spread, rounds)

process.stdout.write(`${JSON.stringify({ w1, w2, w3 })}\n`, () => process.exit(0))

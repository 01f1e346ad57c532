/**
 * One worker process of the scale table: `URL KEYRING SPACES`. It runs the agents in all spaces, as every other worker
 * does; which worker runs which agent is for the store to say. On `go FIRST COUNT` it sends its share of the messages;
 * it reports how many have come through here.
 */

import { z } from 'zod'
import { agent, on, open } from '../src/index.ts'
import type { Space } from '../src/index.ts'
import { hearParent, tellParent } from '../test/helpers/processes.ts'
import { payload } from './statistics.ts'

const IN_FLIGHT = 64
/** Each agent has so many instances in each space, so that several workers have something to do in one space. */
const INSTANCES = 8
const REPORT_MS = 10

const [url = '', keyring = '', spaces = '1'] = process.argv.slice(2)
const body = z.object({ i: z.number(), body: z.string() })
let handled = 0
let reported = 0
let cpu = process.cpuUsage()
const c = agent('c', {
  take: on({ input: body }, () => {
    handled += 1
  }),
})
const b = agent('b', {
  relay: on({ input: body }, (turn, message) => {
    turn.send(c.take, message, { key: instance(message.i) })
  }),
})

const opened: Space[] = []
for (let i = 0; i < Number(spaces); i++)
  opened.push(await open(url, { space: `s${i}`, agents: [b, c], keyring }))
hearParent((command) => {
  const [verb, first = '0', count = '0'] = command.split(' ')
  if (verb === 'go') void send(Number(first), Number(count))
  if (verb === 'stop') void stop()
})
setInterval(() => {
  if (handled === reported) return
  reported = handled
  tellParent({ event: 'handled', count: handled })
}, REPORT_MS).unref()
tellParent({ event: 'ready' })

async function send(first: number, count: number): Promise<void> {
  cpu = process.cpuUsage()
  let next = first
  const one = async (): Promise<void> => {
    while (next < first + count) {
      const i = next
      next += 1
      const space = opened[i % opened.length]
      await space?.send(b.relay, payload(i), { key: instance(i) })
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
}

async function stop(): Promise<void> {
  const { user, system } = process.cpuUsage(cpu)
  await Promise.all(opened.map((space) => space.close()))
  tellParent({ event: 'stopped', cpuMs: (user + system) / 1000 })
  process.exit(0)
}

/** Neighbours in time go to different instances, in one space as in sixteen. */
function instance(i: number): string {
  return `k${Math.floor(i / Number(spaces)) % INSTANCES}`
}

/**
 * The feeder of the pipeline: `URL KEYRING FIRST`. Sends order after order, each acknowledged before the next,
 * as fast as they are handled, until it is told to "stop".
 */

import { setTimeout as delay } from 'node:timers/promises'
import { open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'
import { laneOfOrder } from './pipeline.ts'

/** Messages under way at which the feeder pauses. */
const BACKLOG = 80
const EVERY = 8

const [url = '', keyring = '', first = '0'] = process.argv.slice(2)
const stop = new AbortController()
hearParent((command) => (command === 'stop' ? stop.abort() : undefined))

const space = await open(url, { keyring })
tellParent({ event: 'ready' })
for (let i = Number(first); !stop.signal.aborted; i++) {
  if (i % EVERY === 0) while (!stop.signal.aborted && (await underWay()) > BACKLOG) await delay(20)
  // A feeder that was killed behind its commit sends the order again: the key makes both one.
  await space.sendTo(`intake/${laneOfOrder(i)}`, 'take', { i }, { idempotencyKey: `order-${i}` })
  tellParent({ event: 'sent', i })
}
await space.close()
tellParent({ event: 'stopped' })
process.exit(0)

async function underWay(): Promise<number> {
  const { messages } = await space.status()
  return messages.queued + messages.delivered + messages.waiting
}

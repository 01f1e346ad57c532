/**
 * A worker process of the pipeline: `URL KEYRING WORLD LEASE_MS`. On "finish" it goes on until nothing is left
 * to do in the space, and ends.
 */

import { jsonLogger, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'
import { pipeline } from './pipeline.ts'
import { World } from './world.ts'

const [url = '', keyring = '', outside = '', leaseMs = '500'] = process.argv.slice(2)
let finish: () => void = () => undefined
const told = new Promise<void>((resolve) => {
  finish = resolve
})
hearParent((command) => (command === 'finish' ? finish() : undefined))

const world = new World(outside)
const space = await open(url, {
  agents: pipeline(world),
  keyring,
  logger: jsonLogger(),
  // A worker that is killed is no fault of the message that it had in hand.
  limits: { leaseMs: Number(leaseMs), pollMs: 10, crashesPerMessage: 1_000_000 },
})
tellParent({ event: 'ready' })
await told
await space.idle()
await space.close()
tellParent({ event: 'finished' })
process.exit(0)

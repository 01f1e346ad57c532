/**
 * A process with several writers: `URL KEYRING WRITERS`. Each is a client of its own that sends message after message,
 * until the process is told to "stop"; then it says how many were acknowledged.
 */

import { open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [url = '', keyring = '', writers = '1'] = process.argv.slice(2)
const stop = new AbortController()
hearParent((command) => (command === 'stop' ? stop.abort() : undefined))

const spaces: Space[] = []
for (let i = 0; i < Number(writers); i++) spaces.push(await open(url, { keyring }))
tellParent({ event: 'ready' })
const counts = await Promise.all(spaces.map(write))
tellParent({ event: 'written', count: counts.reduce((sum, count) => sum + count, 0) })
process.exit(0)

async function write(space: Space): Promise<number> {
  let count = 0
  while (!stop.signal.aborted) {
    await space.sendTo('sink', 'take', { i: count })
    count += 1
  }
  return count
}

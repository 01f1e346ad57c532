/**
 * One worker process of the keys table: `URL KEYRING`. It runs instances of one agent, as many as the store gives it.
 * On "report" it says what it holds and uses; on "stop" it ends.
 */

import { z } from 'zod'
import { agent, on, open } from '../src/index.ts'
import { hearParent, tellParent } from '../test/helpers/processes.ts'

const [url = '', keyring = ''] = process.argv.slice(2)
let turns = 0
const item = agent('item', {
  take: on({ input: z.object({ i: z.number(), body: z.string() }) }, () => {
    turns += 1
  }),
})
const space = await open(url, { agents: [item], keyring })
let reports = 0
hearParent((command) => {
  if (command === 'report') report()
  if (command === 'stop') void space.close().then(() => process.exit(0))
})
tellParent({ event: 'ready' })

function report(): void {
  reports += 1
  const { user, system } = process.cpuUsage()
  tellParent({
    event: `report ${reports}`,
    turns,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    cpuMs: (user + system) / 1000,
  })
}

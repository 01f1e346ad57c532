/** A worker process of the hops: `URL KEYRING LEASE_MS`. B sends each message on to C. It works until it is killed. */

import { z } from 'zod'
import { agent, jsonLogger, on, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [url = '', keyring = '', leaseMs = '1000'] = process.argv.slice(2)
const body = z.object({ i: z.number() })

const c = agent('c', { take: on({ input: body }, () => undefined) })
const b = agent('b', {
  relay: on({ input: body }, (turn, { i }) => {
    turn.send(c.take, { i }, { key: turn.self.split('/')[1] ?? '' })
  }),
})

hearParent()
await open(url, {
  agents: [b, c],
  keyring,
  logger: jsonLogger(),
  limits: { leaseMs: Number(leaseMs), crashesPerMessage: 1_000_000 },
})
tellParent({ event: 'ready' })

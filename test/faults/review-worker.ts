/** A worker process of the dependency review: `URL KEYRING LEASE_MS`. It works until it is killed. */

import { agents } from '../../examples/dependency-review/agents.ts'
import { jsonLogger, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [url = '', keyring = '', leaseMs = '1000'] = process.argv.slice(2)
hearParent()
await open(url, {
  agents,
  keyring,
  logger: jsonLogger(),
  // Nobody is too late, and no message is to blame, because of what is done to the workers.
  limits: { leaseMs: Number(leaseMs), crashesPerMessage: 1_000_000, askTimeoutMs: 600_000 },
})
tellParent({ event: 'ready' })

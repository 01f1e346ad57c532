/**
 * A replica that lies: `traitor.ts FOLDER KIND`. It is made of the same parts as an honest one, with a transport that
 * lies, and it votes against its own findings.
 *
 * @module
 */

import { HttpCouncilTransport } from '../../src/adapters/http/council-transport.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { membershipOf } from '../../src/council/roster.ts'
import { readMemberFolder, type Judge } from '../../src/open-council.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { CouncilReplica } from '../../src/runtime/council/replica.ts'
import { openCouncilLog } from '../../src/stores/sqlite/council-log.ts'
import { KINDS, lying } from './lies.ts'
import { opinionOf } from './panel.ts'

const [folder = '', asked = ''] = process.argv.slice(2)
const kind = KINDS.find((one) => one === asked)
if (kind === undefined) throw new Error(`A traitor can ${KINDS.join(', ')}, and not ${asked}.`)

const { roster, self, key, url, database } = readMemberFolder(folder)
const membership = membershipOf(councilCrypto(nodeCrypto), roster)
const peers = roster.members.filter(({ id }) => id !== self)
const transport = new HttpCouncilTransport({
  identity: {
    instance: roster.instance,
    self,
    key,
    crypto: nodeCrypto,
    publicKeyOf: () => undefined,
  },
  port: Number(new URL(url).port),
  logger: silentLogger,
})
const run = Buffer.from(systemRandom.bytes(16)).toString('hex')
const log = openCouncilLog(
  database,
  { instance: roster.instance, member: self, membership: membership.digest },
  { run },
)

/** What it says of a package is the contrary of what it thinks. */
const judge: Judge = ({ subject }) => {
  const { choice } = opinionOf(self, subject)
  return { choice: choice === 'approve' ? 'reject' : 'approve', reason: 'trust me' }
}

const place = membership.members.findIndex(({ id }) => id === self)
const replica = new CouncilReplica({
  roster,
  self,
  key,
  crypto: nodeCrypto,
  log,
  transport: lying(kind, transport, { key, place, peers: peers.map(({ id }) => id) }),
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  judge,
})
await replica.start()
process.stdout.write(`${JSON.stringify({ event: 'started', member: self })}\n`)

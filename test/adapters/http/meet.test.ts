/** A transport is told who the others are, while it runs. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test, type TestContext } from 'node:test'
import { HttpCouncilTransport } from '../../../src/adapters/http/council-transport.ts'
import { nodeCrypto } from '../../../src/adapters/node/crypto.ts'
import type { CouncilContact } from '../../../src/ports/council.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import { keysOf } from '../../council/kit.ts'
import { freePorts } from '../../helpers/ports.ts'

const TIMEOUT = { timeout: 30_000 }
const NAMES = ['alice', 'bob', 'carol']
const keys = keysOf(NAMES)

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    assert.ok(round < 500, 'it did not happen within five seconds')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

class Three {
  readonly heard = new Map<string, string[]>(NAMES.map((id) => [id, []]))
  readonly transports = new Map<string, HttpCouncilTransport>()
  readonly #ports: readonly number[]

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  contact(id: string, isMember = true): CouncilContact {
    const url = `http://127.0.0.1:${this.#ports[NAMES.indexOf(id)]}`
    return { id, url, publicKey: keys.get(id)?.publicKey ?? '', isMember }
  }

  async start(t: TestContext, self: string, others: readonly string[]): Promise<HttpCouncilTransport> {
    const key = keys.get(self) ?? assert.fail()
    const transport = new HttpCouncilTransport({
      identity: { instance: 'three', self, key, crypto: nodeCrypto, publicKeyOf: () => undefined },
      port: this.#ports[NAMES.indexOf(self)] ?? 0,
      logger: silentLogger,
    })
    t.after(() => transport.close())
    transport.meet(others.map((id) => this.contact(id)))
    await transport.start((from, text) => this.heard.get(self)?.push(`${from}: ${text}`))
    this.transports.set(self, transport)
    return transport
  }

  hears(id: string, text: string): boolean {
    return this.heard.get(id)?.includes(text) === true
  }
}

test('who is new is heard and told at once, and was a stranger before', TIMEOUT, async (t) => {
  const three = new Three(await freePorts(3))
  const alice = await three.start(t, 'alice', ['bob'])
  const carol = await three.start(t, 'carol', ['alice'])
  carol.send(null, 'let me in')
  carol.flush()
  await until(() => alice.refused > 0)
  assert.deepEqual(three.heard.get('alice'), [])
  alice.meet([three.contact('bob'), three.contact('carol')])
  alice.send(null, 'welcome')
  alice.flush()
  await until(() => three.hears('carol', 'alice: welcome') && three.hears('alice', 'carol: let me in'))
  assert.deepEqual(
    alice.peers().map(({ id }) => id),
    ['bob', 'carol'],
  )
})

test('who is no member any more is answered, and told nothing else', TIMEOUT, async (t) => {
  const three = new Three(await freePorts(3))
  const alice = await three.start(t, 'alice', ['bob', 'carol'])
  const bob = await three.start(t, 'bob', ['alice', 'carol'])
  const carol = await three.start(t, 'carol', ['alice', 'bob'])
  alice.send(null, 'all')
  alice.flush()
  await until(() => three.hears('carol', 'alice: all'))
  alice.meet([three.contact('bob'), three.contact('carol', false)])
  carol.send('alice', 'what?')
  carol.flush()
  await until(() => three.hears('alice', 'carol: what?'))
  alice.send(null, 'members only')
  alice.send('carol', 'that')
  alice.flush()
  await until(() => three.hears('carol', 'alice: that') && three.hears('bob', 'alice: members only'))
  assert.ok(!three.hears('carol', 'alice: members only'))
  assert.deepEqual(
    alice.peers().map(({ id }) => id),
    ['bob'],
  )
  assert.ok(bob.peers().some(({ id, isConnected }) => id === 'carol' && isConnected))
})

test('nobody looks for who is no member any more and has gone', TIMEOUT, async (t) => {
  const [port = 0, ownPort = 0] = await freePorts(2)
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const key = keys.get('alice') ?? assert.fail()
  const transport = new HttpCouncilTransport({
    identity: { instance: 'three', self: 'alice', key, crypto: nodeCrypto, publicKeyOf: () => undefined },
    port: ownPort,
    logger: silentLogger,
  })
  t.after(() => transport.close())
  const bob = { id: 'bob', url: `http://127.0.0.1:${port}`, publicKey: keys.get('bob')?.publicKey ?? '' }
  transport.meet([{ ...bob, isMember: true }])
  await transport.start(() => undefined)
  await until(() => connections >= 2)
  transport.meet([{ ...bob, isMember: false }])
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = connections
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  assert.equal(connections, before)
})

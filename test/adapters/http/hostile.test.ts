/** What strangers and lying members can do to the listening side of a replica, and that it goes on meanwhile. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { HttpCouncilTransport } from '../../../src/adapters/http/council-transport.ts'
import { FRAME_BYTES_MAX, FrameReader, FrameWriter } from '../../../src/adapters/http/frames.ts'
import { Gate, GATE_LIMITS, type GateLimits } from '../../../src/adapters/http/gate.ts'
import { greet, type LinkIdentity, type Purpose } from '../../../src/adapters/http/handshake.ts'
import { connect, HELLO_HEADER, PeerLink } from '../../../src/adapters/http/link.ts'
import { nodeCrypto } from '../../../src/adapters/node/crypto.ts'
import type { CouncilContact } from '../../../src/ports/council.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import { keysOf } from '../../council/kit.ts'

const TIMEOUT = { timeout: 30_000 }
const keys = keysOf(['alice', 'bob', 'carol', 'mallory'])
/** Mallory has a key, and is no member. */
const MEMBERS = ['alice', 'bob', 'carol']

function identityOf(self: string, instance = 'test council'): LinkIdentity {
  const key = keys.get(self)
  if (key === undefined) throw new TypeError(self)
  const publicKeyOf = (id: string): string | undefined =>
    MEMBERS.includes(id) ? keys.get(id)?.publicKey : undefined
  return { instance, self, key, crypto: nodeCrypto, publicKeyOf }
}

interface Alice {
  readonly url: string
  readonly port: number
  readonly heard: string[]
  readonly refused: string[]
  readonly gate: Gate
}

async function listening(t: TestContext, limits: Partial<GateLimits> = {}): Promise<Alice> {
  const heard: string[] = []
  const refused: string[] = []
  const gate = new Gate(
    identityOf('alice'),
    {
      message: (from, text) => heard.push(`${from}: ${text}`),
      request: async (value) => value,
      admitted: () => undefined,
      refused: (why) => refused.push(why),
    },
    { ...GATE_LIMITS, ...limits },
  )
  const port = await gate.listen('127.0.0.1', 0)
  t.after(() => gate.close().catch(() => undefined))
  return { url: `http://127.0.0.1:${port}`, port, heard, refused, gate }
}

/** An honest member says something, and is heard: the replica goes on. */
async function bobIsHeard(t: TestContext, alice: Alice): Promise<void> {
  const link = new PeerLink(identityOf('bob'), { id: 'alice', url: alice.url })
  t.after(() => link.close())
  link.open()
  const word = `hello ${alice.heard.length}`
  link.send(word)
  await until(() => alice.heard.includes(`bob: ${word}`))
}

async function opened(
  t: TestContext,
  alice: Alice,
  from: LinkIdentity,
  purpose: Purpose = 'peer',
  to = 'alice',
) {
  const link = await connect(from, { id: to, url: alice.url }, purpose)
  t.after(() => link.socket.destroy())
  link.socket.on('error', () => undefined)
  return link
}

for (const [what, from, to, purpose, why] of [
  ['somebody who is no member', identityOf('mallory'), 'alice', 'peer', 'unknown-peer'],
  ['a member who wants to reach another one', identityOf('bob'), 'carol', 'peer', 'wrong-recipient'],
  ['a member of another council', identityOf('bob', 'another'), 'alice', 'peer', 'wrong-council'],
  ['a member who poses as a tool of this replica', identityOf('bob'), 'alice', 'client', 'unknown-peer'],
  ['itself', identityOf('alice'), 'alice', 'peer', 'unknown-peer'],
  [
    'somebody with the name of a member',
    { ...identityOf('mallory'), self: 'bob' },
    'alice',
    'peer',
    'bad-signature',
  ],
] as const) {
  test(`a replica refuses ${what}`, TIMEOUT, async (t) => {
    const alice = await listening(t)
    await assert.rejects(opened(t, alice, from, purpose, to), new RegExp(why))
    assert.deepEqual(alice.refused, [why])
    await bobIsHeard(t, alice)
  })
}

test('what a connection carried is of no use on another one', TIMEOUT, async (t) => {
  const alice = await listening(t)
  const written: Buffer[] = []
  // Somebody on the way records all that bob sends.
  const tap = createServer((socket) => {
    const to = connectTcp(alice.port, '127.0.0.1')
    socket.on('data', (piece) => {
      written.push(piece)
      to.write(piece)
    })
    to.on('data', (piece) => socket.write(piece))
    for (const one of [socket, to]) one.on('error', () => undefined)
    socket.on('close', () => to.destroy())
  })
  tap.listen(0, '127.0.0.1')
  await once(tap, 'listening')
  t.after(() => tap.close())
  const address = tap.address() as { readonly port: number }
  const link = new PeerLink(identityOf('bob'), { id: 'alice', url: `http://127.0.0.1:${address.port}` })
  link.open()
  link.send('once')
  await until(() => alice.heard.length === 1)
  link.close()

  const replay = connectTcp(alice.port, '127.0.0.1')
  t.after(() => replay.destroy())
  replay.on('error', () => undefined)
  replay.resume()
  replay.write(Buffer.concat(written))
  await once(replay, 'close')
  assert.deepEqual(alice.heard, ['bob: once'])
  assert.ok(alice.refused.includes('bad-frame'))
  await bobIsHeard(t, alice)
})

test(
  'a frame that was changed, repeated, or sent back is not read, and ends the connection',
  TIMEOUT,
  async (t) => {
    const alice = await listening(t)
    const lies: readonly ((frame: Buffer) => Buffer)[] = [
      (frame) => {
        frame[5] = (frame[5] ?? 0) ^ 1
        return frame
      },
      (frame) => Buffer.concat([frame, frame]),
      (frame) => frame.subarray(0, -32),
    ]
    for (const lie of lies) {
      const { socket, writer } = await opened(t, alice, identityOf('bob'))
      const before = alice.heard.length
      socket.resume()
      socket.write(lie(writer.frame(Buffer.from('text'))))
      socket.end()
      await once(socket, 'close')
      assert.ok(alice.heard.length <= before + 1)
    }
    // Of two equal frames the first counts at most.
    assert.ok(alice.heard.filter((one) => one === 'bob: text').length <= 1)
    const forward = new FrameWriter(Buffer.alloc(32, 1))
    const back = new FrameReader(Buffer.alloc(32, 2))
    assert.equal(back.read(forward.frame(Buffer.alloc(0))), undefined)
    await bobIsHeard(t, alice)
  },
)

test(
  'a frame beyond the limit, or before the first empty one, ends the connection unread',
  TIMEOUT,
  async (t) => {
    const alice = await listening(t)
    const { socket } = await opened(t, alice, identityOf('bob'))
    const head = Buffer.alloc(4)
    head.writeUInt32BE(FRAME_BYTES_MAX + 1)
    socket.resume()
    socket.write(head)
    await once(socket, 'close')
    assert.equal(new FrameReader(Buffer.alloc(32)).read(Buffer.from([0, 0, 0, 1])), undefined)
    await bobIsHeard(t, alice)
  },
)

test(
  'garbage, other paths, large headers and slow ones are cut off, and others are served meanwhile',
  TIMEOUT,
  async (t) => {
    const alice = await listening(t, { greetingMs: 300, strangers: 4 })
    const sockets: Socket[] = []
    const raw = (text: string): Socket => {
      const socket = connectTcp(alice.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.resume()
      socket.write(text)
      t.after(() => socket.destroy())
      sockets.push(socket)
      return socket
    }
    raw('\u0000\u0001\u0002 garbage\r\n\r\n')
    raw('GET /council/v1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    raw(`GET /council/v1 HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)
    const ask = 'GET /council/v1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: coterie-council\r\n'
    raw(`${ask}${HELLO_HEADER}: e30\r\n\r\n`)
    // One that sends its header by and by, and never ends.
    const slow = raw('GET /council/v1 HTTP/1.1\r\n')
    const drip = setInterval(() => slow.write('a: b\r\n'), 50)
    t.after(() => clearInterval(drip))
    // One that says hello with a good signature, and then nothing.
    const { text } = greet(identityOf('bob'), 'alice', 'peer')
    raw(`${ask}${HELLO_HEADER}: ${text}\r\n\r\n`)
    await bobIsHeard(t, alice)
    await until(() => sockets.every((socket) => socket.closed))
    assert.ok(alice.refused.includes('no-such-path') && alice.refused.includes('malformed'))
    const asking = request(`${alice.url}/elsewhere`)
    asking.end()
    const [response] = (await once(asking, 'response')) as [{ readonly statusCode: number; resume(): void }]
    response.resume()
    assert.equal(response.statusCode, 404)
  },
)

test('who sends too much is read slowly, and nobody else waits for it', TIMEOUT, async (t) => {
  const alice = await listening(t, { bytesPerSecond: 100_000 })
  const { socket, writer } = await opened(t, alice, identityOf('carol'))
  for (let count = 0; count < 40; count++) socket.write(writer.frame(Buffer.alloc(10_000, 97)))
  await bobIsHeard(t, alice)
  const read = alice.heard.filter((one) => one.startsWith('carol')).length
  assert.ok(read < 40, `${read} of 40 frames were read at once`)
})

test('a peer that does not read holds up nobody, and what waits for it is bounded', TIMEOUT, async (t) => {
  const alice = await listening(t)
  const deaf = createServer((socket) => socket.pause())
  deaf.listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  t.after(() => deaf.close())
  const { port } = deaf.address() as { readonly port: number }
  const transport = new HttpCouncilTransport({
    identity: identityOf('bob'),
    port: 0,
    logger: silentLogger,
  })
  const contact = (id: string, url: string): CouncilContact => {
    return { id, url, publicKey: keys.get(id)?.publicKey ?? '', isMember: true }
  }
  transport.meet([contact('alice', alice.url), contact('carol', `http://127.0.0.1:${port}`)])
  t.after(() => transport.close())
  await transport.start(() => undefined)
  await until(() => transport.peers()[0]?.isConnected === true)
  for (let count = 0; count < 1_000; count++) transport.send(null, `message ${count}`)
  transport.flush()
  await until(() => alice.heard.length === 1_000)
  const [, carol] = transport.peers()
  assert.ok(carol !== undefined && !carol.isConnected && carol.dropped >= 700)
})

test('a link comes back when its peer does', TIMEOUT, async (t) => {
  const first = await listening(t)
  const link = new PeerLink(identityOf('bob'), { id: 'alice', url: first.url })
  t.after(() => link.close())
  link.open()
  await until(() => link.isConnected)
  const heard: string[] = []
  const listener = {
    message: (_from: string, text: string): void => void heard.push(text),
    request: async (value: unknown) => value,
    admitted: () => undefined,
    refused: () => undefined,
  }
  // The peer goes, and another process of the same member listens on its port.
  const again = new Gate(identityOf('alice'), listener)
  t.after(() => again.close())
  await first.gate.close()
  await until(() => !link.isConnected)
  await again.listen('127.0.0.1', first.port)
  link.send('are you there?')
  await until(() => {
    link.flush()
    return heard.includes('are you there?')
  })
})

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    assert.ok(round < 1_000, 'it did not happen within ten seconds')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The transport of a replica in a space, over a voice that is made up: what it says when, and what it takes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import type { MessageState } from '../../src/core/message.ts'
import { contactsOf, makeRoster } from '../../src/council/roster.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { isProven, mailboxOf, proveRequest } from '../../src/runtime/council/space-handlers.ts'
import { signMail, type CouncilMail } from '../../src/runtime/council/space-mail.ts'
import { SpaceCouncilTransport } from '../../src/runtime/council/space-transport.ts'
import type { Saying } from '../../src/runtime/voice.ts'
import { keysOf, NAMES } from './kit.ts'

const KEYS = keysOf(NAMES)
const members = [...KEYS].map(([id, { publicKey }]) => ({
  id,
  publicKey,
  weight: 1,
  url: `space:${id}-agent`,
}))
const ROSTER = makeRoster('board', members)
const RUN = 'a'.repeat(32)
const DAVE = KEYS.get('dave') ?? assert.fail()

interface Said {
  readonly id: string
  readonly to: string
  readonly key: string
  readonly deadline: number
  readonly mail: CouncilMail
}

/** A clock that stands still until it is told; what is deferred runs at once. */
class StillClock implements Clock {
  time = 1_000_000
  #timers: { readonly at: number; readonly fn: () => void }[] = []

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }

  setTimer(ms: number, fn: () => void): () => void {
    const timer = { at: this.time + ms, fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }

  keepAlive(): () => void {
    return () => undefined
  }

  defer(fn: () => void): void {
    fn()
  }

  /** Time passes, and what was under way comes to rest. */
  async pass(ms: number): Promise<void> {
    this.time += ms
    const due = this.#timers.filter(({ at }) => at <= this.time)
    this.#timers = this.#timers.filter(({ at }) => at > this.time)
    for (const { fn } of due) fn()
    await rest()
  }
}

/** A space that takes everything. */
class Scene {
  readonly clock = new StillClock()
  readonly said: Said[] = []
  readonly heard: string[] = []
  readonly states = new Map<string, MessageState>()
  readonly transport: SpaceCouncilTransport
  records = 0
  rivals = 0
  refuses: string | undefined

  constructor(payloadBytes = 1024 * 1024) {
    this.transport = new SpaceCouncilTransport({
      instance: ROSTER.instance,
      self: 'dave',
      url: 'space:dave-agent',
      key: DAVE,
      run: RUN,
      voice: {
        space: 'here',
        payloadBytes,
        say: (sayings) => this.#say(sayings),
        state: async (id) => this.states.get(id),
      },
      mailbox: mailboxOf,
      crypto: nodeCrypto,
      clock: this.clock,
      logger: silentLogger,
      onRival: () => (this.rivals += 1),
    })
    this.transport.meet(contactsOf(ROSTER, 'dave'))
  }

  async #say(sayings: readonly Saying[]): Promise<readonly PromiseSettledResult<string>[]> {
    this.records += 1
    return sayings.map(({ to, payload, options }): PromiseSettledResult<string> => {
      if (to.agent === this.refuses) return { status: 'rejected', reason: new Error('full') }
      const id = `msg_${this.said.length}`
      const { key = '', deadline = Number.NaN } = options ?? {}
      this.said.push({ id, to: to.agent, key, deadline, mail: payload as CouncilMail })
      this.states.set(id, 'queued')
      return { status: 'fulfilled', value: id }
    })
  }

  /** What was said to a peer since the last time. */
  take(peer: string): readonly Said[] {
    const found = this.said.filter(({ to, mail }) => to === `${peer}-agent` && mail.to === peer)
    for (const one of found) this.said.splice(this.said.indexOf(one), 1, { ...one, to: '' })
    return found
  }

  /** Starts it; it hears its own ping. */
  async start(): Promise<void> {
    const started = this.transport.start((from, text) => this.heard.push(`${from}: ${text}`))
    await rest()
    const [ping] = this.take('dave')
    this.transport.take('dave-agent/x', 'dave-agent/dave', ping?.mail)
    await started
    this.records = 0
  }
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

test('nothing is said before the replica has heard itself, and nothing is lost by that', async () => {
  const scene = new Scene()
  scene.transport.send(null, 'early')
  const started = scene.transport.start(() => undefined)
  scene.transport.flush()
  await rest()
  assert.deepEqual(
    scene.said.map(({ to, key, mail }) => [to, key, mail.texts]),
    [['dave-agent', 'dave', []]],
  )
  // Another process of this member was faster: its ping is not this one's.
  const [{ mail }] = scene.take('dave') as readonly [Said]
  const { signature: _, ...other } = { ...mail, run: 'b'.repeat(32) }
  scene.transport.take('dave-agent/y', 'dave-agent/dave', signMail(nodeCrypto, DAVE, 'here', other))
  await rest()
  assert.equal(scene.rivals, 1)
  assert.equal(scene.take('alice').length, 0)
  scene.transport.take('dave-agent/x', 'dave-agent/dave', mail)
  await started
  await rest()
  assert.deepEqual(scene.take('alice')[0]?.mail.texts, ['early'])
})

test('a replica whose mail comes to another process gives up after a minute', async () => {
  const scene = new Scene()
  const started = assert.rejects(
    scene.transport.start(() => undefined),
    { code: 'COTERIE_COUNCIL_UNREADY' },
  )
  await rest()
  for (let second = 0; second < 62; second++) await scene.clock.pass(1_000)
  await started
})

test('what is said between two flushes goes in one record, with a deadline, to a mailbox for each pair', async () => {
  const scene = new Scene()
  await scene.start()
  for (const text of ['one', 'two']) scene.transport.send(null, text)
  scene.transport.send('bob', 'three')
  scene.transport.flush()
  await rest()
  assert.equal(scene.records, 1)
  for (const [peer, texts] of [
    ['alice', ['one', 'two']],
    ['bob', ['one', 'two', 'three']],
    ['carol', ['one', 'two']],
  ] as const) {
    const [said] = scene.take(peer)
    assert.deepEqual(said?.mail.texts, texts)
    assert.equal(said?.key, 'dave')
    assert.equal(said?.deadline, scene.clock.time + 10_000)
  }
})

test('who is no member any more is answered, and told nothing else; who is cut off is not heard', async () => {
  const scene = new Scene()
  await scene.start()
  const others = contactsOf(ROSTER, 'dave')
  scene.transport.meet(others.map((one) => ({ ...one, isMember: one.id !== 'bob' })))
  scene.transport.send(null, 'members only')
  scene.transport.send('bob', 'what you asked')
  scene.transport.flush()
  await rest()
  assert.deepEqual(scene.take('bob')[0]?.mail.texts, ['what you asked'])
  assert.deepEqual(scene.take('carol')[0]?.mail.texts, ['members only'])
  assert.deepEqual(
    scene.transport.peers().map(({ id }) => id),
    ['alice', 'carol'],
  )
  scene.transport.meet(others.filter(({ id }) => id !== 'bob'))
  scene.transport.take('bob-agent', 'dave-agent/bob', {})
  assert.equal(scene.transport.refused, 1)
  scene.transport.send('bob', 'anything')
  scene.transport.flush()
  await rest()
  assert.deepEqual(scene.take('bob'), [])
})

test('a peer that does not take its mail has few of it, and one at a time when some has expired', async () => {
  const scene = new Scene()
  await scene.start()
  const say = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      scene.transport.send('alice', `text ${at}`)
      scene.transport.flush()
      await rest()
    }
  }
  await say(400)
  const open = scene.take('alice')
  assert.equal(open.length, 16)
  assert.equal(scene.transport.peers().find(({ id }) => id === 'alice')?.dropped, 400 - 16 - 256)
  // None was handled, and all are too old.
  for (const { id } of open) scene.states.set(id, 'expired')
  await scene.clock.pass(10_200)
  await say(50)
  const probes = scene.take('alice')
  assert.deepEqual(
    probes.map(({ mail }) => mail.texts),
    [Array.from({ length: 8 }, (_, at) => `text ${392 + at}`)],
  )
  assert.equal(scene.transport.peers()[0]?.isConnected, false)
  // It takes one: then it is back, and gets what waits.
  scene.states.set(scene.said.at(-1)?.id ?? '', 'handled')
  await scene.clock.pass(200)
  scene.transport.flush()
  await scene.clock.pass(200)
  const back = scene.take('alice')
  assert.deepEqual(
    back.map(({ mail }) => mail.texts),
    [Array.from({ length: 8 }, (_, at) => `text ${42 + at}`)],
  )
  assert.equal(scene.transport.peers()[0]?.isConnected, true)
})

test('a peer that takes its mail gets all of it', async () => {
  const scene = new Scene()
  await scene.start()
  const heard: string[] = []
  for (let at = 0; at < 1_000; at++) {
    scene.transport.send('alice', `text ${at}`)
    scene.transport.flush()
    await rest()
    if (at % 7 === 0) await scene.clock.pass(101)
    for (const { id, mail } of scene.take('alice')) {
      heard.push(...mail.texts)
      scene.states.set(id, 'handled')
    }
  }
  await scene.clock.pass(101)
  heard.push(...scene.take('alice').flatMap(({ mail }) => mail.texts))
  assert.equal(heard.length, 1_000)
  assert.equal(scene.transport.peers()[0]?.dropped, 0)
})

test('what cannot be sent to one peer is counted, and goes to the others', async () => {
  const scene = new Scene()
  await scene.start()
  scene.refuses = 'bob-agent'
  scene.transport.send(null, 'one')
  scene.transport.flush()
  await rest()
  assert.equal(scene.take('alice').length, 1)
  const bob = scene.transport.peers().find(({ id }) => id === 'bob')
  assert.deepEqual([bob?.dropped, bob?.error], [1, 'full'])
  scene.refuses = undefined
  scene.transport.send(null, 'two')
  scene.transport.flush()
  await rest()
  assert.equal(scene.take('bob').length, 1)
})

test('a long text is cut to what the space takes, and one that was just said is not said again', async () => {
  const scene = new Scene(20_000)
  await scene.start()
  const long = 'x'.repeat(10_000)
  for (let times = 0; times < 3; times++) scene.transport.send('alice', long)
  scene.transport.send('alice', 'short')
  scene.transport.send('alice', 'short')
  scene.transport.flush()
  await rest()
  const said = scene.take('alice').map(({ mail }) => mail)
  for (const mail of said) assert.ok(JSON.stringify(mail).length < 20_000)
  assert.equal(
    said
      .filter(({ part }) => part !== null)
      .flatMap(({ texts }) => texts)
      .join(''),
    long,
  )
  assert.deepEqual(said.at(-1)?.texts, ['short', 'short'])
  await scene.clock.pass(2_001)
  scene.transport.send('alice', long)
  scene.transport.flush()
  await rest()
  assert.ok(scene.take('alice').length > 0)
})

test('a peer that sends too much is made to wait, in its own mailbox', async () => {
  const scene = new Scene()
  await scene.start()
  const alice = KEYS.get('alice') ?? assert.fail()
  const head = {
    v: 1,
    type: 'coterie.council-mail',
    instance: 'board',
    from: 'alice',
    to: 'dave',
    run: RUN,
  } as const
  const texts = Array.from({ length: 1_000 }, () => 'x')
  const waits = Array.from({ length: 30 }, (_, at) => {
    const mail = signMail(nodeCrypto, alice, 'here', { ...head, number: at + 1, texts, part: null })
    return scene.transport.take('alice-agent/z', 'dave-agent/alice', mail)
  })
  assert.equal(waits[0], 0)
  assert.equal(waits.at(-1), 500)
  assert.equal(scene.heard.length, 30_000)
})

test('a request is proven by the key of the member, for one caller, one method and a minute', () => {
  const place = { instance: 'board', space: 'here', from: 'client/1' }
  const request = { method: 'status', params: { a: 1 } }
  const now = 1_000_000
  const proven = proveRequest(nodeCrypto, DAVE, place, request, now)
  const holds = (one: typeof proven, at = now, where = place): boolean =>
    isProven(nodeCrypto, DAVE.publicKey, where, one, at)
  assert.ok(holds(proven) && holds(proven, now + 60_000) && holds(proven, now - 60_000))
  assert.ok(!holds(request))
  assert.ok(!holds(proven, now + 60_001) && !holds(proven, now - 60_001))
  assert.ok(!holds({ ...proven, method: 'vote' }) && !holds({ ...proven, params: {} }))
  for (const other of [{ from: 'client/2' }, { space: 'there' }, { instance: 'another' }])
    assert.ok(!holds(proven, now, { ...place, ...other }), JSON.stringify(other))
  const forged = proveRequest(nodeCrypto, KEYS.get('alice') ?? assert.fail(), place, request, now)
  assert.ok(!holds(forged))
})

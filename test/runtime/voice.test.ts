import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { agent, on, open } from '../../src/index.ts'

const TIMEOUT = { timeout: 60_000 }
const heard: string[] = []
const listener = agent('listener', {
  hear: on({ input: z.string() }, (turn, text) => {
    heard.push(`${turn.from.split('/')[0] ?? ''}: ${text}`)
  }),
})
const speaker = agent('speaker', { poke: on({ input: z.null() }, () => null) })

test(
  'what an agent says outside of its turns is one record under an address of its own',
  TIMEOUT,
  async () => {
    await using space = await open('sqlite::memory:', { agents: [listener, speaker] })
    const voice = space.voice('speaker')
    assert.equal(voice.space, space.id)
    heard.length = 0
    const before = (await space.status()).position
    const said = await voice.say(['one', 'two'].map((payload) => ({ to: listener.hear, payload })))
    const ids = said.map((one) => (one.status === 'fulfilled' ? one.value : assert.fail()))
    await space.idle()
    assert.deepEqual(heard, ['speaker: one', 'speaker: two'])
    assert.equal(await voice.state(ids[0] ?? ''), 'handled')
    const [record] = await space.store.records(before + 1, 1)
    assert.equal(record?.author, voice.address)
    assert.equal((JSON.parse(record?.body ?? '') as { readonly sends: readonly unknown[] }).sends.length, 2)
  },
)

test('what cannot be said to one does not keep the rest', TIMEOUT, async () => {
  await using space = await open('sqlite::memory:', { agents: [listener, speaker] })
  const voice = space.voice('speaker')
  const nobody = { ...listener.hear, agent: 'nobody' }
  const said = await voice.say([
    { to: nobody, payload: 'one' },
    { to: listener.hear, payload: 7 },
    { to: listener.hear, payload: 'two' },
  ])
  assert.deepEqual(
    said.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  )
})

test('a voice that somebody has written to goes on under another address', TIMEOUT, async () => {
  await using space = await open('sqlite::memory:', { agents: [listener, speaker] })
  const voice = space.voice('speaker')
  const { address } = voice
  const say = async (): Promise<string> =>
    (await voice.say([{ to: listener.hear, payload: 'x' }]))[0]?.status ?? ''
  assert.equal(await say(), 'fulfilled')
  await space.send(speaker.poke, null, { key: address.slice('speaker/'.length) })
  await space.idle()
  assert.deepEqual([await say(), await say()], ['rejected', 'fulfilled'])
  assert.notEqual(voice.address, address)
})

test('a voice is that of an agent of the space, and nobody else', TIMEOUT, async () => {
  await using space = await open('sqlite::memory:', { agents: [listener] })
  for (const name of ['speaker', 'client', '@owner']) {
    assert.throws(() => space.voice(name), { code: 'COTERIE_UNKNOWN_RECIPIENT' }, name)
  }
})

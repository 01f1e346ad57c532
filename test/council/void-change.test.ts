/** Changes of the members that are handed in in vain, or by another than who asked for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NAMES, TestCouncil } from './kit.ts'
import { until } from './space-kit.ts'

test('who has handed a change in in vain is not stuck behind it', { timeout: 60_000 }, async (t) => {
  const council = new TestCouncil(NAMES, ['eve', 'fred'])
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  const [eve, fred] = ['eve', 'fred'].map((id) => {
    const publicKey = council.keys.get(id)?.publicKey ?? assert.fail()
    return { add: [{ id, publicKey, weight: 1, url: `http://${id}:1` }], remove: [] }
  })
  assert.ok(eve !== undefined && fred !== undefined)
  const agree = (name: string, change: typeof eve) => council.get(name).agree(change, 10_000)
  // Two members ask for a change each. Nobody hears the first one any more, who hears everybody.
  await agree('alice', eve)
  await agree('bob', fred)
  await agree('carol', eve)
  await agree('carol', fred)
  await until(() => council.get('alice').status().waiting === 0)
  for (const name of ['bob', 'carol', 'dave']) council.network.cut.add(`alice ${name}`)
  const last = await Promise.all([agree('dave', eve), agree('dave', fred)])
  assert.deepEqual(
    last.map(({ outcome }) => outcome),
    ['void', 'decided'],
  )
  await until(() => council.get('alice').status().epoch === 1)
  council.network.cut.clear()
  const { decision } = council.get('alice').open({ question: 'May we?', timeoutMs: 5_000 })
  const { vote } = await council.get('alice').waitFor(decision, 8_000)
  assert.equal(vote.outcome, 'approve')
})

test('another member hands a change in when who asked for it is gone', { timeout: 60_000 }, async (t) => {
  const council = new TestCouncil(NAMES, ['eve'])
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  const publicKey = council.keys.get('eve')?.publicKey ?? assert.fail()
  const change = { add: [{ id: 'eve', publicKey, weight: 1, url: 'http://eve:1' }], remove: [] }
  await council.get('alice').agree(change, 10_000)
  await until(() => council.get('bob').members().changes.length === 1)
  await council.stop('alice')
  // Her agreement counts all the same.
  await Promise.all(['bob', 'carol'].map((name) => council.get(name).agree(change, 5_000)))
  await until(() => council.get('carol').status().names.length === 5, 5_000)
  const alice = await council.start('alice')
  await until(() => alice.status().epoch === 1)
})

import assert from 'node:assert/strict'
import { agent, on } from '../../src/index.ts'
import { nothing, start, test, until } from './helpers.ts'

const ATTEMPTS_MAX = 3

test('a message that always fails is tried as often as its policy says, and then never again', async (t) => {
  let runs = 0
  const retry = { attempts: ATTEMPTS_MAX, firstMs: 1, factor: 1, maxMs: 1 }
  const poison = agent('poison', {
    take: on({ input: nothing, retry }, () => {
      runs += 1
      throw new Error('no')
    }),
  })
  const space = await start(t, [poison])
  const id = await space.send(poison.take, null)
  const isDead = async (): Promise<boolean> => (await space.receipt(id)).state === 'dead'
  await until('it is dead, or was tried too often', async () => runs > ATTEMPTS_MAX || isDead())
  assert.equal(runs, ATTEMPTS_MAX)
  await space.idle()
  assert.equal(runs, ATTEMPTS_MAX)
  assert.equal((await space.receipt(id)).attempts, ATTEMPTS_MAX)
})

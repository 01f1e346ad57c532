import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { agent, nodeCrypto, on } from '../../src/index.ts'
import { sealChunk } from '../../src/log/journal-chunk.ts'
import type { ChunkBody } from '../../src/log/journal-chunk.ts'
import { keyringFor } from '../../src/open.ts'
import { ONCE, fileOf, gate, never, nothing, recorder, start, tempUrl, test, until } from './helpers.ts'

test("a step's result that another agent of the space has signed is not given back", async (t) => {
  const url = tempUrl(t)
  const results = recorder()
  const reached = gate()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      results.note(await turn.step('price', () => 10))
      await turn.step('pay', () => {
        reached.open()
        return never()
      })
    }),
  })
  const other = agent('other', { run: on({ input: nothing }, () => null) })
  const first = await start(t, [worker, other], { url })
  const id = await first.send(worker.go, null)
  await reached.opened
  await first.close()

  const db = new DatabaseSync(fileOf(url))
  const row = db.prepare('select text from journal where chunk = 0').get()
  const honest = String(row?.['text'])
  const forged = honest.replace('"10"', '"99"')
  assert.notEqual(forged, honest)
  const key = keyringFor(url).get('other')
  assert.ok(key !== undefined)
  const { text, hash, signature } = sealChunk(nodeCrypto, key, JSON.parse(forged) as ChunkBody)
  db.prepare('update journal set text = ?, hash = ?, signature = ? where chunk = 0').run(
    text,
    hash,
    signature,
  )
  db.close()

  const second = await start(t, [worker, other], { url })
  const isDead = async (): Promise<boolean> => (await second.receipt(id)).state === 'dead'
  await until('it is refused, or run', async () => results.seen.length > 1 || isDead())
  assert.deepEqual(results.seen, [10], 'what the first run saw')
  assert.equal((await second.receipt(id)).error?.code, 'COTERIE_VERIFICATION_FAILED')
})

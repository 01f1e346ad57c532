import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { agent, on } from '../../src/index.ts'
import type { Logger } from '../../src/index.ts'
import { fileOf, number, recordsOf, start, tempUrl, test, until } from './helpers.ts'

const counter = agent('counter', { add: on({ input: number }, (_turn, n) => n) })

/** Takes the newest record of an author away, as an older copy of the database would not have it. */
function forget(url: string, author: string): void {
  const db = new DatabaseSync(fileOf(url), { timeout: 5_000 })
  const [newest, before] = db
    .prepare('select place, seq, hash from records where author = ? order by seq desc limit 2')
    .all(author)
  assert.ok(newest !== undefined && before !== undefined)
  const { changes } = db.prepare('delete from records where place = ?').run(newest['place'] ?? null)
  const { changes: heads } = db
    .prepare('update mailboxes set seq = ?, hash = ? where address = ?')
    .run(before['seq'] ?? null, before['hash'] ?? null, author)
  db.close()
  assert.deepEqual([changes, heads], [1, 1])
}

test('signs no second record of one number when the store has gone back', async (t) => {
  const url = tempUrl(t)
  const errors: string[] = []
  const logger: Logger = { log: (_level, message) => void errors.push(message) }
  const space = await start(t, [counter], { url, logger })
  for (const n of [1, 2, 3]) assert.equal(await space.ask(counter.add, n), n)
  const count = async (): Promise<number> =>
    (await recordsOf(space)).filter(({ body }) => body.author === 'counter').length
  await space.idle()
  const before = await count()
  forget(url, 'counter')
  const id = await space.send(counter.add, 4)
  await until('it says so', () => errors.some((message) => message.includes('The store has gone back')))
  assert.equal(await count(), before - 1)
  assert.notEqual((await space.receipt(id)).state, 'handled')
})

test('a caller is told when the store has gone back, and nothing is written', async (t) => {
  const url = tempUrl(t)
  const space = await start(t, [counter], { url })
  for (const n of [1, 2, 3]) await space.ask(counter.add, n)
  await space.idle()
  const client = (await recordsOf(space)).find(({ body }) => body.author.startsWith('client/'))?.body.author
  forget(url, client ?? '')
  await assert.rejects(space.send(counter.add, 4), { code: 'COTERIE_VERIFICATION_FAILED' })
  await assert.rejects(space.send(counter.add, 5), { code: 'COTERIE_VERIFICATION_FAILED' })
})

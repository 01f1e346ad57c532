import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { agent, nodeCrypto, on } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { envelopeText } from '../../src/core/message.ts'
import { sealChunk } from '../../src/log/journal-chunk.ts'
import type { ChunkBody } from '../../src/log/journal-chunk.ts'
import { keyringFor } from '../../src/open.ts'
import {
  ONCE,
  fileOf,
  gate,
  never,
  nothing,
  recorder,
  start,
  tempUrl,
  text,
  until,
  untilState,
} from './helpers.ts'

/** Writes to the database behind everybody's back. */
function tamper(url: string, change: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(fileOf(url))
  try {
    change(db)
  } finally {
    db.close()
  }
}

/** Puts another payload in the place of one. */
function replacePayload(url: string, from: string, to: string): void {
  tamper(url, (db) => {
    const { changes } = db
      .prepare('update contents set payload = ? where payload = ?')
      .run(JSON.stringify(to), JSON.stringify(from))
    assert.equal(changes, 1)
  })
}

async function assertRefused(space: Space, id: string): Promise<void> {
  await untilState(space, id, 'dead')
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_VERIFICATION_FAILED')
}

test('a message of the process itself that was changed in the store is not handled', async (t) => {
  const url = tempUrl(t)
  const seen = recorder()
  const [held, reached] = [gate(), gate()]
  const sink = agent('sink', {
    block: on({ input: nothing }, () => {
      reached.open()
      return held.opened
    }),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [sink], { url })
  await space.send(sink.block, null)
  await reached.opened
  const changed = await space.send(sink.take, 'pay 10')
  const left = await space.send(sink.take, 'pay 20')
  replacePayload(url, 'pay 10', 'pay 99')
  held.open()
  await assertRefused(space, changed)
  await untilState(space, left, 'handled')
  assert.deepEqual(seen.seen, ['pay 20'])
})

const seen = recorder()
const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })

/** Has a client send some texts while nobody runs the agent. Answers the ids of the messages. */
async function sendUnhandled(
  t: Parameters<typeof start>[0],
  url: string,
  texts: readonly (readonly [text: string, key?: string])[],
): Promise<readonly string[]> {
  await (await start(t, [sink], { url })).close()
  const client = await start(t, [], { url })
  const ids: string[] = []
  for (const [value, key] of texts) {
    ids.push(await client.send(sink.take, value, key === undefined ? {} : { key }))
  }
  await client.close()
  seen.seen.length = 0
  return ids
}

test('a message of another process that was changed in the store is not handled', async (t) => {
  const url = tempUrl(t)
  const [changed = '', forged = '', left = ''] = await sendUnhandled(t, url, [['one'], ['two'], ['three']])
  replacePayload(url, 'one', 'more')
  // Here everything fits together, but it is not what the sender's record lists.
  tamper(url, (db) => {
    const row = db
      .prepare('select place, envelope from contents where payload = ?')
      .get(JSON.stringify('two'))
    const envelope = JSON.parse(String(row?.['envelope'])) as Parameters<typeof envelopeText>[0]
    const payload = JSON.stringify('even more')
    const bytes = Buffer.byteLength(payload)
    const body = envelopeText({ ...envelope, payload: { bytes, sha256: nodeCrypto.sha256(payload) } })
    db.prepare('update contents set envelope = ?, hash = ?, payload = ? where place = ?').run(
      body,
      nodeCrypto.sha256(body),
      payload,
      row?.['place'] ?? null,
    )
  })
  const space = await start(t, [sink], { url })
  await assertRefused(space, changed)
  await assertRefused(space, forged)
  await untilState(space, left, 'handled')
  assert.deepEqual(seen.seen, ['three'])
})

test('a message that was moved to another mailbox is not handled there', async (t) => {
  const url = tempUrl(t)
  const ids = await sendUnhandled(t, url, [
    ['for ann', 'ann'],
    ['for ben', 'ben'],
  ])
  tamper(url, (db) => {
    const move = db.prepare('update messages set recipient = ? where id = ?')
    move.run('sink/ben', ids[0] ?? '')
    move.run('sink/ann', ids[1] ?? '')
  })
  const space = await start(t, [sink], { url })
  for (const id of ids) await assertRefused(space, id)
  assert.deepEqual(seen.seen, [])
})

test('an answer that was changed in the store fails its question', async (t) => {
  const url = tempUrl(t)
  const got = recorder()
  const absent = agent('oracle', { tell: on({ input: nothing }, () => never<string>()) })
  const oracle = agent('oracle', { tell: on({ input: nothing }, () => 'yes') })
  const asker = agent('asker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      const answer = await turn.askSettled(oracle.tell, null)
      got.note(answer.ok ? answer.value : answer.error.code)
    }),
  })
  const first = await start(t, [asker, absent], { url })
  const id = await first.send(asker.go, null)
  await untilState(first, id, 'waiting')
  await first.close()
  const second = await start(t, [oracle], { url })
  await until('the answer is there', async () => (await second.status()).messages.answered === 1)
  await second.close()
  replacePayload(url, 'yes', 'no')
  const third = await start(t, [asker], { url })
  await untilState(third, id, 'handled')
  assert.deepEqual(got.seen, ['COTERIE_VERIFICATION_FAILED'])
})

for (const [what, signer] of [
  ['nobody signed', undefined],
  ['another agent signed', 'other'],
] as const) {
  test(`a handler is not given back a step's result that ${what}`, async (t) => {
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
    tamper(url, (db) => {
      const row = db.prepare('select chunk, text, signature from journal where chunk = 0').get()
      const body = JSON.parse(String(row?.['text']).replace('"10"', '"99"')) as ChunkBody
      const key = keyringFor(url).get(signer ?? 'worker')
      assert.ok(key !== undefined)
      const forged = sealChunk(nodeCrypto, key, body)
      const signature = signer === undefined ? String(row?.['signature']) : forged.signature
      db.prepare('delete from journal where chunk > 0').run()
      db.prepare('update journal set text = ?, hash = ?, signature = ?').run(
        forged.text,
        forged.hash,
        signature,
      )
    })
    const second = await start(t, [worker, other], { url })
    await assertRefused(second, id)
    assert.deepEqual(results.seen, [10], 'what the first run saw')
  })
}

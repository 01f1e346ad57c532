import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { agent, nodeCrypto, on } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import type { RecordBody } from '../../src/core/record.ts'
import { sealChunk } from '../../src/log/journal-chunk.ts'
import type { ChunkBody } from '../../src/log/journal-chunk.ts'
import { hashRecord, signBatch } from '../../src/log/seal.ts'
import { keyringFor } from '../../src/open.ts'
import {
  ONCE,
  fileOf,
  gate,
  never,
  nothing,
  recorder,
  recordsOf,
  start,
  tempUrl,
  test,
  until,
  untilState,
} from './helpers.ts'

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

/** Writes what the owner of a space says when a key was stolen: the old one counts no more, another takes its place. */
async function revoke(space: Space, url: string, name: string): Promise<void> {
  const records = (await recordsOf(space)).filter(({ body }) => body.author === '@owner')
  const last = records.at(-1)
  const entry = records.flatMap(({ body }) => body.agents ?? []).find((known) => known.name === name)
  const owner = keyringFor(url).get('@owner')
  assert.ok(last !== undefined && entry !== undefined && owner !== undefined)
  rmSync(join(keyringFor(url).place, `${name}.key`))
  const { id, publicKey } = keyringFor(url).create(name)
  const body: RecordBody = {
    agents: [{ ...entry, key: id, publicKey }],
    at: Date.now(),
    author: '@owner',
    key: owner.id,
    kind: 'agents',
    prev: last.record.hash,
    revokes: [{ key: entry.key, reason: 'it was stolen' }],
    seq: last.record.seq + 1,
    space: space.store.id,
    v: 1,
  }
  const { text, hash } = hashRecord(nodeCrypto, body)
  const [proof] = signBatch(nodeCrypto, [{ hash, key: owner }])
  assert.ok(proof !== undefined)
  const { author, seq, prev } = body
  const record = { author, seq, prev, hash, body: text, detail: null, proof }
  const nothingElse = { lease: null, turn: null, journal: null, cancels: null, decisions: [] }
  const empty = { reads: [], messages: [], settles: [], events: [] }
  const limits = { mailboxDepth: 1_000 }
  const [outcome] = await space.store.commit([{ type: 'record', record, ...nothingElse, ...empty }], limits)
  assert.equal(outcome?.type, 'accepted')
}

for (const isRevoked of [false, true]) {
  const what = isRevoked ? 'a key that was revoked since is not given back' : 'a key that still counts is'
  test(`a step's result that was signed with ${what}`, async (t) => {
    const url = tempUrl(t)
    const results = recorder()
    const reached = gate()
    const worker = agent('worker', {
      go: on({ input: nothing, retry: ONCE }, async (turn) => {
        results.note(await turn.step('price', () => 10))
        if (results.seen.length > 1) return
        reached.open()
        await never()
      }),
    })
    const first = await start(t, [worker], { url })
    const id = await first.send(worker.go, null)
    await reached.opened
    await first.close()
    if (isRevoked) {
      const client = await start(t, [], { url })
      await revoke(client, url, 'worker')
      await client.close()
    }
    const second = await start(t, [worker], { url })
    await untilState(second, id, isRevoked ? 'dead' : 'handled')
    const expected = isRevoked ? 'COTERIE_KEY_REVOKED' : undefined
    assert.equal((await second.receipt(id)).error?.code, expected)
    assert.deepEqual(results.seen, isRevoked ? [10] : [10, 10])
  })
}

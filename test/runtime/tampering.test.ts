import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before } from 'node:test'
import type { TestContext } from 'node:test'
import { agent, nodeCrypto, on, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { sealChunk } from '../../src/log/journal-chunk.ts'
import {
  ONCE,
  code,
  fileOf,
  gate,
  never,
  nothing,
  recorder,
  start,
  tempUrl,
  test,
  text,
  untilState,
  copyOf,
  templateUrl,
} from './helpers.ts'

const seen = recorder()
const sink = agent('sink', { take: on({ input: text, retry: ONCE }, (_turn, s) => seen.note(s)) })

/** Changes the closed database as somebody with a SQLite shell would. */
function edit(url: string, sql: string, ...values: (string | number)[]): void {
  const db = new DatabaseSync(fileOf(url))
  const { changes } = db.prepare(sql).run(...values)
  db.close()
  assert.equal(changes, 1, `the edit changed ${changes} rows`)
}

const template = templateUrl()
let queuedId = ''

// A message for an agent that nobody runs.
before(async () => {
  await (await open(template, { agents: [sink] })).close()
  const client = await open(template, { agents: [] })
  queuedId = await client.send(sink.take, 'pay 10')
  await client.close()
})

/** A closed database with one queued message. */
function queued(t: TestContext): string {
  return copyOf(t, template)
}

async function deadOf(space: Space, id: string): Promise<string> {
  await untilState(space, id, 'dead')
  return (await space.receipt(id)).error?.code ?? ''
}

const EDITS: readonly [string, string, readonly string[]][] = [
  ['its payload', `update contents set payload = '"pay 99"' where payload = ?`, ['"pay 10"']],
  [
    'its payload and the hash in its envelope',
    `update contents set payload = ?, envelope = replace(envelope, ?, ?) where payload = ?`,
    ['"pay 99"', nodeCrypto.sha256('"pay 10"'), nodeCrypto.sha256('"pay 99"'), '"pay 10"'],
  ],
  [
    'its envelope',
    `update contents set envelope = replace(envelope, '"deadline":null', '"deadline":9999999999999') where payload = ?`,
    ['"pay 10"'],
  ],
  [
    'its sender',
    `update contents set envelope = replace(envelope, '"from":"client/', '"from":"sink/') where payload = ?`,
    ['"pay 10"'],
  ],
  [
    'the record that sent it',
    `update records set body = replace(body, '"kind":"send"', '"kind":"turn"') where body like ?`,
    ['%"kind":"send"%'],
  ],
  [
    'the proof of that record',
    `update records set proof = zeroblob(length(proof)) where body like ?`,
    ['%"kind":"send"%'],
  ],
]

for (const [what, sql, values] of EDITS) {
  test(`a queued message is never handled when somebody has changed ${what} in the file`, async (t) => {
    const url = queued(t)
    const known = seen.seen.length
    edit(url, sql, ...values)
    const space = await start(t, [sink], { url })
    assert.equal(await deadOf(space, queuedId), 'COTERIE_VERIFICATION_FAILED')
    assert.equal(seen.seen.length, known)
  })
}

test('a message that was not changed is handled by the process that did not write it', async (t) => {
  const url = queued(t)
  const space = await start(t, [sink], { url })
  await untilState(space, queuedId, 'handled')
  assert.equal(seen.seen.at(-1), 'pay 10')
})

test('a message that was moved to another mailbox is not handled there', async (t) => {
  const url = queued(t)
  const known = seen.seen.length
  edit(url, `update messages set recipient = 'sink/other' where id = ?`, queuedId)
  edit(url, `update mailboxes set address = 'sink/other' where address = ?`, 'sink')
  const space = await start(t, [sink], { url })
  assert.equal(await deadOf(space, queuedId), 'COTERIE_VERIFICATION_FAILED')
  assert.equal(seen.seen.length, known)
})

/** A turn that stopped after its first step, in a closed database. */
async function interrupted(t: TestContext, url: string): Promise<string> {
  const reached = gate()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step('first', () => 'approved by ann')
      await turn.step('second', () => {
        reached.open()
        return never()
      })
    }),
  })
  const space = await start(t, [worker], { url })
  const id = await space.send(worker.go, null)
  await reached.opened
  await space.close()
  return id
}

test('a journal that somebody has changed is given to no handler', async (t) => {
  const url = tempUrl(t)
  const results = recorder()
  const id = await interrupted(t, url)
  const db = new DatabaseSync(fileOf(url))
  const row = db.prepare('select text from journal where chunk = 0').get()
  const forged = String(row?.['text']).replace('approved by ann', 'approved by bob')
  db.prepare('update journal set text = ?, hash = ? where chunk = 0').run(forged, nodeCrypto.sha256(forged))
  db.close()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      results.note(await turn.step('first', () => 'fresh'))
    }),
  })
  const space = await start(t, [worker], { url })
  assert.equal(await deadOf(space, id), 'COTERIE_VERIFICATION_FAILED')
  assert.deepEqual(results.seen, [])
})

test('a journal signed with the key of another agent is refused', async (t) => {
  const url = tempUrl(t)
  const id = await interrupted(t, url)
  const db = new DatabaseSync(fileOf(url))
  const row = db.prepare('select text from journal where chunk = 0').get()
  const stranger = nodeCrypto.keyPair(new Uint8Array(32).fill(7))
  const { text, signature } = sealChunk(
    nodeCrypto,
    stranger,
    JSON.parse(String(row?.['text'])) as Parameters<typeof sealChunk>[2],
  )
  assert.equal(text, row?.['text'])
  db.prepare('update journal set signature = ? where chunk = 0').run(signature)
  db.close()
  const space = await start(t, [agent('worker', { go: on({ input: nothing }, () => null) })], { url })
  assert.equal(await deadOf(space, id), 'COTERIE_VERIFICATION_FAILED')
})

test('an answer that somebody has changed fails the question and is not handed on', async (t) => {
  const url = tempUrl(t)
  const got = recorder()
  const oracle = agent('oracle', { tell: on({ input: nothing }, () => 'the truth') })
  const asker = agent('asker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      const answer = await turn.askSettled(oracle.tell, null)
      got.note(answer.ok ? answer.value : answer.error.code)
    }),
  })
  const deaf = agent('oracle', { tell: on({ input: nothing }, () => never<string>()) })
  const one = await start(t, [asker, deaf], { url })
  const id = await one.send(asker.go, null)
  await untilState(one, id, 'waiting')
  await one.close()
  const two = await start(t, [oracle], { url })
  const [question] = await two.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 1 })
  await untilState(two, question?.envelope.id ?? '', 'handled')
  await two.close()
  edit(url, `update contents set payload = '"a lie"' where payload = ?`, '"the truth"')
  const three = await start(t, [asker], { url })
  await untilState(three, id, 'handled')
  assert.deepEqual(got.seen, ['COTERIE_VERIFICATION_FAILED'])
})

test('a list of agents that somebody has changed keeps the space from opening', async (t) => {
  const url = queued(t)
  edit(
    url,
    `update records set body = replace(body, '"sink"', '"sunk"') where author = '@owner' and seq = ?`,
    1,
  )
  await assert.rejects(open(url, { agents: [sink] }), code('COTERIE_VERIFICATION_FAILED'))
})

test('another keyring is refused: its agents are not those of the space', async (t) => {
  const url = queued(t)
  const keys = `${fileOf(url)}.other`
  const made = await start(t, [sink], { url: `${url}2`, keyring: keys })
  await made.close()
  await assert.rejects(open(url, { agents: [sink], keyring: keys }), code('COTERIE_KEY_MISMATCH'))
})

test('a missing keyring is refused, and no key is made for an agent that has one', async (t) => {
  const url = queued(t)
  const keys = `${fileOf(url)}.keys`
  const files = readdirSync(keys)
  assert.ok(files.length >= 3)
  for (const file of files) assert.equal(statSync(join(keys, file)).mode & 0o077, 0, file)
  const own = files.find((file) => file.includes('sink')) ?? ''
  rmSync(join(keys, own))
  await assert.rejects(open(url, { agents: [sink] }), code('COTERIE_KEY_MISSING', /sink/))
  assert.ok(!readdirSync(keys).includes(own))
})

test('a new agent needs the key of the owner', async (t) => {
  const url = queued(t)
  const keys = `${fileOf(url)}.keys`
  const owner = readdirSync(keys).find((file) => file.includes('owner')) ?? ''
  rmSync(join(keys, owner))
  const known = await start(t, [sink], { url })
  await known.close()
  const fresh = agent('fresh', { run: on({ input: nothing }, () => null) })
  await assert.rejects(open(url, { agents: [fresh] }), code('COTERIE_KEY_MISSING', /owner/))
})

test('a key file that is no key is refused, and kept', async (t) => {
  const url = queued(t)
  const keys = `${fileOf(url)}.keys`
  const own = join(keys, readdirSync(keys).find((file) => file.includes('sink')) ?? '')
  writeFileSync(own, 'not a key')
  await assert.rejects(open(url, { agents: [sink] }), code('COTERIE_KEY_UNREADABLE'))
  assert.equal(readFileSync(own, 'utf8'), 'not a key')
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, nodeCrypto, on, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { launch } from '../helpers/processes.ts'

const MESSAGES = 10_000
const ROUNDS = 10

const sink = agent('sink', { take: on({ input: z.object({ i: z.number() }) }, () => undefined) })

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-crash-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The ids of all messages, in the order sent. */
async function idsOf(space: Space): Promise<readonly string[]> {
  const rows = await space.store.messagesOf({ after: -1, limit: MESSAGES })
  return rows.map(({ envelope }) => envelope.id)
}

async function assertVerifies(space: Space): Promise<void> {
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  assert.deepEqual([report.ok, report.fault], [true, undefined])
}

for (const killedAt of [1, 300, 1_200]) {
  test(`a writer killed after ${killedAt} acknowledged sends has lost none of them`, async (t) => {
    const database = join(tempFolder(t), 'space.db')
    await (await open(`sqlite:${database}`, { agents: [sink] })).close()
    const writer = launch(t, new URL('writer.ts', import.meta.url), [database, String(MESSAGES)])
    let seen = 0
    await writer.report(() => ++seen >= killedAt)
    writer.kill('SIGKILL')
    assert.equal((await writer.exited).signal, 'SIGKILL', 'it had ended before it was killed')

    const acknowledged = writer.reports.map((line) => String(line['id']))
    assert.ok(acknowledged.length >= killedAt && acknowledged.length < MESSAGES)
    await using space = await open(`sqlite:${database}`)
    const ids = await idsOf(space)
    assert.deepEqual(ids.slice(0, acknowledged.length), acknowledged)
    // At most the one that was on its way when the process died.
    assert.ok(
      ids.length <= acknowledged.length + 1,
      `${ids.length} messages, ${acknowledged.length} acknowledged`,
    )
    await assertVerifies(space)
  })
}

test('a writer that may write no larger file is refused, and the log holds what was acknowledged', async (t) => {
  const database = join(tempFolder(t), 'space.db')
  await (await open(`sqlite:${database}`, { agents: [sink] })).close()
  const writer = launch(t, new URL('writer.ts', import.meta.url), [database, String(MESSAGES)], {
    wrapper: ['bash', '-c', 'ulimit -S -f 800; exec "$@"', 'bash'],
  })
  assert.equal((await writer.event('refused'))['code'], 'COTERIE_STORE_FAILED')
  await writer.exited
  const acknowledged = writer.reports.flatMap((line) => (typeof line['id'] === 'string' ? [line['id']] : []))
  assert.ok(acknowledged.length > 0)
  await using space = await open(`sqlite:${database}`)
  assert.deepEqual(await idsOf(space), acknowledged)
  await assertVerifies(space)
})

test('two processes that create one database at the same moment join one space, and both work', async (t) => {
  const folder = tempFolder(t)
  const creators = ['left', 'right'].map((name) => launch(t, new URL('creator.ts', import.meta.url), [name]))
  await Promise.all(creators.map((creator) => creator.event('ready')))
  for (let round = 0; round < ROUNDS; round++) {
    const file = join(folder, `${round}.db`)
    for (const creator of creators) creator.tell(file)
    const lines = await Promise.all(
      creators.map((creator) => creator.report((line) => line['event'] === 'used' && line['file'] === file)),
    )
    assert.deepEqual(
      lines.map((line) => line['answer'] ?? line['error']),
      [`left: ${file}`, `right: ${file}`],
    )
    assert.equal(lines[0]?.['id'], lines[1]?.['id'])
    await using space = await open(`sqlite:${file}`, { mustExist: true })
    assert.equal(space.id, lines[0]?.['id'])
    await assertVerifies(space)
  }
})

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { agent, on } from '../../src/index.ts'
import { fileOf, gate, nothing, recorder, start, tempUrl, test, text, untilState } from './helpers.ts'

/** Each: a column of a message's contents, and what becomes of it. */
const EDITS: readonly (readonly [what: string, sql: string])[] = [
  ['payload', `update contents set payload = '"pay 99"' where payload = '"pay 10"'`],
  [
    'envelope',
    `update contents set envelope = replace(envelope, '"take"', '"give"') where payload = '"pay 10"'`,
  ],
]

for (const [what, sql] of EDITS) {
  test(`does not handle a message of its own whose ${what} was changed in the store`, async (t) => {
    const url = tempUrl(t)
    const seen = recorder()
    const [held, reached] = [gate(), gate()]
    const sink = agent('sink', {
      block: on({ input: nothing }, () => {
        reached.open()
        return held.opened
      }),
      take: on({ input: text }, (_turn, s) => seen.note(s)),
      give: on({ input: text }, (_turn, s) => seen.note(`gave ${s}`)),
    })
    const space = await start(t, [sink], { url })
    await space.send(sink.block, null)
    await reached.opened
    const changed = await space.send(sink.take, 'pay 10')
    const left = await space.send(sink.take, 'pay 20')
    const db = new DatabaseSync(fileOf(url))
    assert.equal(db.prepare(sql).run().changes, 1)
    // Without a sign of it nobody would read the message again: the one in memory is as it was signed.
    db.exec('update spaces set version = version + 1')
    db.close()
    held.open()
    // The one behind it comes later in any case.
    await untilState(space, left, 'handled')
    assert.deepEqual(seen.seen, ['pay 20'])
    await untilState(space, changed, 'dead')
    assert.equal((await space.receipt(changed)).error?.code, 'COTERIE_VERIFICATION_FAILED')
  })
}

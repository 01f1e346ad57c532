import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { before, suite } from 'node:test'
import type { TestContext } from 'node:test'
import { agent, nodeCrypto, on, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import {
  ONCE,
  fileOf,
  gate,
  never,
  nothing,
  number,
  recorder,
  start,
  tempUrl,
  test,
  untilState,
  copyOf,
  templateUrl,
} from './helpers.ts'

const STREAM = 'account'

const seen = recorder()
const writer = agent('writer', {
  add: on({ input: number }, (turn, n) => turn.append(STREAM, 'paid', { n })),
})
const reader = agent('reader', {
  read: on({ input: nothing, retry: ONCE }, async (turn) => {
    const { version, events } = await turn.read(STREAM)
    seen.note(events.map(({ data }) => (data as { readonly n: number }).n))
    return version
  }),
})

/** Changes the database as somebody with an SQLite shell would; the space may be open. */
function edit(url: string, sql: string, ...values: (string | number)[]): void {
  const db = new DatabaseSync(fileOf(url), { timeout: 5_000 })
  const { changes } = db.prepare(sql).run(...values)
  db.close()
  assert.ok(changes >= 1, 'the edit changed nothing')
}

const template = templateUrl()

before(async () => {
  const space = await open(template, { agents: [writer, reader] })
  for (const n of [1, 2, 3]) await space.ask(writer.add, n)
  await space.close()
})

/** A closed database with three events, each of a record of its own. */
function written(t: TestContext): string {
  return copyOf(t, template)
}

/** Reads the stream in a turn: the error that the message ends with, '' when it is handled. */
async function read(space: Space, by = reader): Promise<string> {
  const answer = await space.askSettled(by.read, null)
  if (answer.ok) return ''
  assert.equal(answer.error.code, 'COTERIE_VERIFICATION_FAILED', answer.error.message)
  return answer.error.message
}

const OF_STREAM = `stream = '${STREAM}'`
const FORGED = nodeCrypto.sha256('{"n":99}')
const COPY = `insert into events (space, stream, version, position, type, data, hash)
  select space, stream, 4, position, type, data, hash from events where ${OF_STREAM}`

const EDITS: readonly (readonly [what: string, reason: RegExp, ...sql: string[]])[] = [
  [
    'the data of an event is changed',
    /data is not what was/,
    `update events set data = '{"n":99}' where version = 2`,
  ],
  [
    'the data and the hash of an event are changed',
    /did not append it/,
    `update events set data = '{"n":99}', hash = '${FORGED}' where version = 2`,
  ],
  [
    'the type of an event is changed',
    /did not append it/,
    `update events set type = 'got' where version = 2`,
  ],
  ['an event in the middle is gone', /and gives 2/, `delete from events where version = 2`],
  ['the first event is gone', /and gives 2/, `delete from events where version = 1`],
  [
    'the first event is gone and the others have moved up',
    /did not append it/,
    `delete from events where version = 1`,
    `update events set version = version - 1 where version = 2`,
    `update events set version = version - 1 where version = 3`,
  ],
  ['an event is repeated under the next number', /did not append it/, `${COPY} and version = 3`],
  ['an event is repeated under a number below 1', /and gives 4/, COPY.replace('4', '0') + ' and version = 3'],
  [
    'two events have changed places',
    /stands before the one before it/,
    `update events set version = 9 where version = 2`,
    `update events set version = 2 where version = 3`,
    `update events set version = 3 where version = 9`,
  ],
  [
    'an event is moved to another record',
    /did not append it/,
    `update events set position = position + 1 where version = 2`,
  ],
  [
    'an event is moved behind the log',
    /no record at position 999/,
    `update events set position = 999 where version = 3`,
  ],
  [
    'the record of an event is changed',
    /hash is not that of its body/,
    `update records set body = replace(body, '"version":2', '"version":7') where body like '%"version":2%'`,
  ],
  [
    'the signature of the record of an event is removed',
    /signature is not valid/,
    `update records set proof = zeroblob(length(proof)) where body like '%"version":2%'`,
  ],
]

suite('a turn is given no event', () => {
  for (const [what, reason, ...statements] of EDITS) {
    test(`when ${what}`, async (t) => {
      const url = written(t)
      for (const sql of statements) edit(url, sql)
      const known = seen.seen.length
      const space = await start(t, [reader], { url })
      assert.match(await read(space), reason)
      assert.equal(seen.seen.length, known)
    })
  }
})

test('a stream that nobody has changed is read by the process that did not write it', async (t) => {
  const space = await start(t, [reader], { url: written(t) })
  assert.equal(await read(space), '')
  assert.deepEqual(seen.seen.at(-1), [1, 2, 3])
})

suite('a process that has read a stream', () => {
  const LATER: readonly (readonly [what: string, reason: RegExp, sql: string])[] = [
    ['is changed', /data is not what was signed/, `update events set data = '{"n":99}' where version = 1`],
    ['is cut off', /it had 3 events before, and has 2 now/, `delete from events where version = 3`],
    ['is gone', /it had 3 events before, and has 0 now/, `delete from events where version > 0`],
  ]
  for (const [what, reason, sql] of LATER) {
    for (const own of [true, false]) {
      test(`notices when what ${own ? 'it wrote itself' : 'another wrote'} ${what}`, async (t) => {
        const url = own ? tempUrl(t) : written(t)
        const space = await start(t, own ? [writer, reader] : [reader], { url })
        if (own) for (const n of [1, 2, 3]) await space.ask(writer.add, n)
        assert.equal(await read(space), '')
        edit(url, sql)
        const known = seen.seen.length
        assert.match(await read(space), reason)
        assert.equal(seen.seen.length, known)
      })
    }
  }

  test('goes on reading when another appends to it', async (t) => {
    const url = written(t)
    const here = await start(t, [reader], { url })
    assert.equal(await read(here), '')
    const there = await start(t, [writer], { url })
    await there.ask(writer.add, 4)
    assert.equal(await read(here), '')
    assert.deepEqual(seen.seen.at(-1), [1, 2, 3, 4])
  })
})

/** Counts how often records are read from the store. */
function counted(space: Space): { calls: number } {
  const count = { calls: 0 }
  const { store } = space
  const records = store.records.bind(store)
  store.records = (position, limit) => {
    count.calls += 1
    return records(position, limit)
  }
  return count
}

test('verifies an event once, however often its stream is read', async (t) => {
  const url = tempUrl(t)
  const there = await start(t, [writer], { url })
  const numbers = Array.from({ length: 100 }, (_, n) => n)
  await Promise.all(numbers.map((n) => there.send(writer.add, n)))
  await there.idle()
  const here = await start(t, [reader, writer], { url })
  const count = counted(here)
  assert.equal(await read(here), '')
  // A record is read for each 64 positions that hold events, and not for each event.
  assert.ok(count.calls > 0 && count.calls < 20, `${count.calls} calls for 100 events`)
  await there.close()
  count.calls = 0
  assert.equal(await read(here), '')
  await here.ask(writer.add, 100)
  assert.equal(await read(here), '')
  assert.deepEqual(seen.seen.at(-1), [...numbers, 100])
  assert.equal(count.calls, 0)
})

test('a handler that passes over the error sends nothing, and its turn fails all the same', async (t) => {
  const url = written(t)
  edit(url, `update events set data = '{"n":99}' where version = 2`)
  const sink = agent('sink', { take: on({ input: nothing }, () => seen.note('taken')) })
  const careless = agent('careless', {
    read: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.read(STREAM).catch(() => undefined)
      turn.send(sink.take, null)
      return 0
    }),
  })
  const space = await start(t, [careless, sink], { url })
  const id = await space.send(careless.read, null)
  await untilState(space, id, 'dead')
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_VERIFICATION_FAILED')
  await space.idle()
  assert.ok(!seen.seen.includes('taken'))
})

test('a turn that is run again is not given a stream that was cut off since it read it', async (t) => {
  const url = written(t)
  const reached = gate()
  const twice = (reads: unknown[], hold: boolean): ReturnType<typeof reading> =>
    reading(reads, hold, () => reached.open())
  const first = await start(t, [twice([], true)], { url })
  const id = await first.send(twice([], true).read, null)
  await reached.opened
  await first.close()
  edit(url, `delete from events where version = 3`)
  const reads: unknown[] = []
  const space = await start(t, [twice(reads, false)], { url })
  await untilState(space, id, 'dead')
  assert.match((await space.receipt(id)).error?.message ?? '', /it had 3 events before, and has 2 now/)
  assert.deepEqual(reads, [])
})

function reading(reads: unknown[], hold: boolean, reached: () => void) {
  return agent('twice', {
    read: on({ input: nothing, retry: ONCE }, async (turn) => {
      const { version } = await turn.read(STREAM)
      reads.push(version)
      await turn.step('recorded', () => version)
      await turn.step('held', () => {
        reached()
        return hold ? never() : undefined
      })
    }),
  })
}

test('two records of one author that have changed places are not both believed', async (t) => {
  const url = tempUrl(t)
  const sink = agent('sink', {
    take: on({ input: number, retry: ONCE }, (_turn, n) => seen.note(`took ${n}`)),
  })
  await (await start(t, [sink], { url })).close()
  const client = await start(t, [], { url })
  const ids = [await client.send(sink.take, 1), await client.send(sink.take, 2)]
  const [one, two] = await Promise.all(
    ids.map(async (id) => (await client.store.message(id))?.position ?? -1),
  )
  await client.close()
  assert.ok(one !== undefined && two !== undefined && one < two)
  // The position of a record is its place within the space.
  const swap = (table: string, column: string, base: string): void => {
    edit(url, `update ${table} set ${column} = -1 where ${column} = ${base} + ${one}`)
    edit(url, `update ${table} set ${column} = ${base} + ${one} where ${column} = ${base} + ${two}`)
    edit(url, `update ${table} set ${column} = ${base} + ${two} where ${column} = -1`)
  }
  swap(
    'records',
    'place',
    "(select min(place) from (select place from records where author = '@owner' and seq = 0))",
  )
  swap('messages', 'position', '0')
  const space = await start(t, [sink], { url })
  await untilState(space, ids[0] ?? '', 'handled')
  await untilState(space, ids[1] ?? '', 'dead')
  const { error } = await space.receipt(ids[1] ?? '')
  assert.equal(error?.code, 'COTERIE_VERIFICATION_FAILED')
  assert.match(error?.message ?? '', /number \d of its author stands at position/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { ClientConfig } from 'pg'
import { PHASES } from './fault-plan.ts'
import { sharedPostgres } from './keeper.ts'
import { PostgresProxy } from './proxy.ts'
import type { Fault, Plan } from './proxy.ts'
import type { Endpoint } from './endpoint.ts'
import type { Phase } from './conversation.ts'

const LIMIT = { timeout: 60_000 }

/** Ways to insert one row in a transaction. */
const STYLES: Readonly<Record<string, (client: Client, i: number) => Promise<unknown>>> = {
  'plain commands': async (client, i) => {
    await client.query('BEGIN')
    await client.query(`insert into kept values (${i})`)
    await client.query('commit')
  },
  'prepared commands': async (client, i) => {
    await client.query({ name: 'b', text: 'begin' })
    await client.query({ name: 'i', text: 'insert into kept values ($1)', values: [i] })
    await client.query({ name: 'c', text: 'COMMIT' })
  },
  'a pipeline': (client, i) =>
    Promise.all([
      client.query('begin'),
      client.query('insert into kept values ($1)', [i]),
      client.query('commit'),
    ]),
  'one message with three commands': (client, i) =>
    client.query(`begin; insert into kept values (${i}); commit;`),
  'a command with parameters alone': (client, i) => client.query('insert into kept values ($1)', [i]),
  'a plain command alone': (client, i) => client.query(`insert into kept values (${i})`),
}
/** Styles in which BEGIN is a message of its own. */
const BEGINNING: readonly string[] = ['plain commands', 'prepared commands', 'a pipeline']
const WITHOUT_STATEMENT: readonly string[] = ['one message with three commands', 'a plain command alone']

interface Scene {
  readonly server: Endpoint
  readonly proxy: PostgresProxy
  readonly connect: (config?: ClientConfig) => Promise<Client>
  /** What is in the table, read past the proxy. */
  readonly kept: () => Promise<readonly unknown[]>
}

async function scene(t: TestContext): Promise<Scene> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  await server.query('create table kept (i int not null)', [], database)
  const proxy = await PostgresProxy.start(server.port)
  t.after(() => proxy[Symbol.asyncDispose]())
  return {
    server,
    proxy,
    connect: async (config = {}) => {
      const client = new Client({ connectionString: server.url(database, proxy.port), ...config })
      client.on('error', () => undefined)
      await client.connect()
      return client
    },
    kept: async () =>
      (await server.query('select i from kept order by i', [], database)).map((row) => row['i']),
  }
}

/** One fault, at the first point of a phase. */
function once(phase: Phase, fault: Fault): Plan {
  let done = false
  return (point) => {
    if (done || point.phase !== phase) return undefined
    done = true
    return fault
  }
}

test('whatever passes the proxy arrives as it was', LIMIT, async (t) => {
  const { proxy, connect, kept } = await scene(t)
  const seen: string[] = []
  proxy.plan = ({ phase }) => void seen.push(phase)
  const client = await connect({ ssl: false })
  const long = 'x'.repeat(3_000_000)
  const { rows } = await client.query<{ text: string; n: number }>(
    'select $1::text as text, n from generate_series(1, 500) n',
    [long.slice(0, 20_000)],
  )
  assert.equal(rows.length, 500)
  assert.ok(rows.every((row) => row.text === long.slice(0, 20_000)))
  assert.equal((await client.query<{ n: number }>('select length($1) as n', [long])).rows[0]?.n, 3_000_000)
  await assert.rejects(client.query('select nothing'), { code: '42703' })
  await STYLES['plain commands']?.(client, 1)
  assert.deepEqual(await kept(), [1])
  await client.end()
  // What failed was sent, but never committed.
  assert.deepEqual(seen.slice(-8), ['sent', ...PHASES])
  assert.deepEqual(proxy.happened, [])
  for (let i = 0; proxy.open > 0 && i < 200; i++) await delay(10)
  assert.equal(proxy.open, 0)
})

for (const [style, insert] of Object.entries(STYLES)) {
  const phases = PHASES.filter(
    (phase) =>
      (BEGINNING.includes(style) || (phase !== 'begin' && phase !== 'begun')) &&
      (!WITHOUT_STATEMENT.includes(style) || phase !== 'statement'),
  )

  test(`each phase of a transaction is seen once, in order: ${style}`, LIMIT, async (t) => {
    const { proxy, connect, kept } = await scene(t)
    const client = await connect({ pipeline: style === 'a pipeline' })
    const seen: string[] = []
    proxy.plan = ({ phase, sql }) => {
      seen.push(phase)
      if (phase === 'committed') assert.match(sql, /insert into kept/)
      return undefined
    }
    for (const i of [1, 2]) {
      seen.length = 0
      await insert(client, i)
      // A pipeline may be answered before the last of it is sent.
      assert.deepEqual(
        style === 'a pipeline' ? seen.toSorted() : seen,
        sorted(phases, style === 'a pipeline'),
      )
    }
    assert.deepEqual(await kept(), [1, 2])
    await client.end()
  })

  test(`a cut loses what was not committed, and only that: ${style}`, LIMIT, async (t) => {
    const { proxy, connect, kept } = await scene(t)
    // In a pipeline COMMIT may be behind BEGIN already.
    const open: readonly Phase[] = style === 'a pipeline' ? ['begun', 'sent'] : ['sent']
    let i = 0
    for (const phase of phases) {
      const shares = phase === 'sent' || phase === 'answered' ? [undefined] : [undefined, 0.3, 0.95]
      for (const how of ['end', 'reset'] as const)
        for (const share of shares) {
          i += 1
          const client = await connect({ pipeline: style === 'a pipeline' })
          proxy.plan = once(phase, { how, ...(share !== undefined && { share }) })
          const failed = await insert(client, i).then(
            () => false,
            () => true,
          )
          const place = `${phase} ${how} ${share}`
          assert.equal(proxy.happened.length, i, `${place} did not happen`)
          if (phase !== 'answered') assert.equal(failed, true, `${place} was not noticed`)
          const there = (await kept()).includes(i)
          if (!open.includes(phase)) assert.equal(there, phase === 'committed' || phase === 'answered', place)
          await client.end().catch(() => undefined)
        }
    }
    proxy.plan = undefined
    const client = await connect()
    await insert(client, 1_000)
    await client.end()
    const all = await kept()
    assert.equal(all.at(-1), 1_000)
    assert.equal(new Set(all).size, all.length)
  })
}

function sorted(phases: readonly Phase[], all: boolean): readonly Phase[] {
  return all ? phases.toSorted() : phases
}

test('a stall costs time and nothing else; a connection that hangs answers nobody', LIMIT, async (t) => {
  const { proxy, connect, kept } = await scene(t)
  const client = await connect()
  proxy.plan = once('commit', { how: 'stall', ms: 300 })
  const started = performance.now()
  await STYLES['plain commands']?.(client, 1)
  assert.ok(performance.now() - started >= 295)
  proxy.plan = once('committed', { how: 'hang' })
  const second = STYLES['plain commands']?.(client, 2).then(
    () => 'answered',
    () => 'failed',
  )
  assert.equal(await Promise.race([second, delay(300, 'silence')]), 'silence')
  assert.deepEqual(await kept(), [1, 2])
  proxy.cutAll('reset')
  assert.equal(await second, 'failed')
})

test('the proxy refuses connections for a while, and leads them elsewhere', LIMIT, async (t) => {
  const { server, proxy, connect } = await scene(t)
  const standing = await connect()
  const { port } = proxy
  await proxy.refuse()
  await assert.rejects(connect(), { code: 'ECONNREFUSED' })
  assert.equal((await standing.query('select 1')).rowCount, 1)
  await proxy.accept()
  assert.equal(proxy.port, port)
  await (await connect()).end()
  proxy.redirect(1)
  await assert.rejects(connect())
  proxy.redirect(server.port)
  await (await connect()).end()
  proxy.cutAll('end')
  await assert.rejects(standing.query('select 1'))
})

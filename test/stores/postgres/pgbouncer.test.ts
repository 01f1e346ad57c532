import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { agent, on, open } from '../../../src/index.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeRecord } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'
import { pgbouncerFor, skipUnlessPgbouncer } from '../../support/postgres/pgbouncer.ts'
import { commitAll, requireOnce } from './lost-scene.ts'

const SERVER_CONNECTIONS = 3
const CLIENTS = 6
const COMMITS = 30
const ASKS = 40
const OPTIONS = { timeout: 60_000, skip: skipUnlessPgbouncer() }

/** What the guide says to set, and nothing of it: then the store finds out by itself. */
const SETTINGS = { 'as the guide says': 'prepare=false&notify=false', 'with nothing set': 'connections=8' }

interface Way {
  /** By way of the pooler; each number is a process of its own to it. */
  readonly url: (client: number) => string
  readonly direct: string
}

async function wayFor(t: TestContext, settings: string): Promise<Way> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const port = await pgbouncerFor(t, server, SERVER_CONNECTIONS)
  return {
    url: (client) => `${server.url(database, port)}?${settings}&application_name=client${client}`,
    direct: server.url(database),
  }
}

for (const [name, settings] of Object.entries(SETTINGS)) {
  test(`many processes commit by way of a few connections of PgBouncer, ${name}`, OPTIONS, async (t) => {
    const { url, direct } = await wayFor(t, settings)
    const record = fakeRecord('@owner', { seq: -1, hash: '' })
    const spaces = await Promise.all(
      Array.from({ length: CLIENTS + 1 }, async (_, client) => {
        const store = openPostgres(client === CLIENTS ? direct : url(client))
        t.after(() => store.close())
        const space = await store.space('team', { record })
        assert.ok(space !== undefined)
        space.changed?.(() => undefined)
        return space
      }),
    )
    const past = spaces.pop()
    assert.ok(past !== undefined)
    const written = await Promise.all(
      spaces.map((space, client) => commitAll(space, `client/number-${client}`, COMMITS)),
    )
    await requireOnce(past, written.flat())
    // Reads that are sent together, too.
    const [first] = spaces
    assert.ok(first !== undefined)
    const heads = await Promise.all(spaces.map((_, client) => first.head(`client/number-${client}`)))
    assert.deepEqual(
      heads.map(({ seq }) => seq),
      heads.map(() => COMMITS - 1),
    )
  })

  test(`agents of two processes work by way of PgBouncer, ${name}`, OPTIONS, async (t) => {
    const { url } = await wayFor(t, settings)
    const folder = mkdtempSync(join(tmpdir(), 'coterie-pgbouncer-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const asked: number[] = []
    const doubler = agent('doubler', {
      double: on({ input: z.number(), output: z.number() }, (_turn, number) => {
        asked.push(number)
        return number * 2
      }),
    })
    const options = { agents: [doubler], keyring: folder }
    await using one = await open(url(1), options)
    await using two = await open(url(2), options)
    const numbers = Array.from({ length: ASKS }, (_, number) => number)
    const answers = await Promise.all(
      numbers.map((number) => {
        return (number % 2 === 0 ? one : two).ask(doubler.double, number, { timeoutMs: 30_000 })
      }),
    )
    assert.deepEqual(
      answers,
      numbers.map((number) => number * 2),
    )
    assert.deepEqual(
      asked.toSorted((a, b) => a - b),
      numbers,
    )
  })
}

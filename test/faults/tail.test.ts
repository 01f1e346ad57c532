import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { agent, on, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { openStore } from '../../src/open.ts'
import type { SpaceStore } from '../../src/ports/store.ts'
import { launch } from '../helpers/processes.ts'
import { SITES } from './site.ts'

const { COTERIE_TAIL_MS = '6000' } = process.env
const TAIL_MS = Number(COTERIE_TAIL_MS)
const [PROCESSES, WRITERS] = [4, 16]
const PAGE = 200

for (const { name, make } of SITES)
  test(`${name}: two readers of a log with 16 writers see each position once, in order`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-tail-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const { url, keyring } = await make(folder)
    const sink = agent('sink', { take: on({ input: z.object({ i: z.number() }) }, () => undefined) })
    // Makes the agent known, and leaves: what the readers see are the writers' records alone.
    await (await open(url, { keyring, agents: [sink] })).close()
    const args = [url, keyring, String(WRITERS / PROCESSES)]
    const writers = Array.from({ length: PROCESSES }, () =>
      launch(t, new URL('tail-writer.ts', import.meta.url), args),
    )
    await Promise.all(writers.map((writer) => writer.event('ready')))

    const reading = new AbortController()
    const readers = [0, 5].map((pauseMs) => tail(url, pauseMs, reading.signal))
    await delay(TAIL_MS)
    for (const writer of writers) writer.tell('stop')
    const written = await Promise.all(writers.map((writer) => writer.event('written')))
    const count = written.reduce((sum, line) => sum + Number(line['count']), 0)
    await using space = await open(url, { keyring })
    const log = await hashesOf(space)
    await delay(200)
    reading.abort()
    const seen = await Promise.all(readers)
    for (const hashes of seen) assert.deepEqual(hashes.slice(0, log.length), log)
    assert.equal((await space.status()).messages.queued, count)
    t.diagnostic(`${count} messages in ${log.length} records, ${(count / (TAIL_MS / 1000)).toFixed(0)}/s`)
    assert.ok(count > 50, `${count} messages`)
  })

/** Reads from the first record on, over and over; answers the hashes of all that it saw. */
async function tail(url: string, pauseMs: number, signal: AbortSignal): Promise<readonly string[]> {
  const store = openStore(url, { mustExist: true })
  const hashes: string[] = []
  try {
    const space = await store.space('main')
    assert.ok(space !== undefined)
    while (!signal.aborted) {
      await readOn(space, hashes)
      await delay(pauseMs)
    }
    return hashes
  } finally {
    await store.close()
  }
}

async function hashesOf(space: Space): Promise<readonly string[]> {
  const hashes: string[] = []
  for (let before = -1; hashes.length > before;) {
    before = hashes.length
    await readOn(space.store, hashes)
  }
  return hashes
}

/** Reads a page behind what is known. A position that is skipped would never be looked for again. */
async function readOn(space: SpaceStore, hashes: string[]): Promise<void> {
  for (const { position, hash } of await space.records(hashes.length, PAGE)) {
    assert.equal(position, hashes.length)
    hashes.push(hash)
  }
}

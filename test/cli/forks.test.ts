import assert from 'node:assert/strict'
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { compareLogs } from '../../src/cli/queries/compare-logs.ts'
import { agent, on, open } from '../../src/index.ts'
import type { SpaceStore } from '../../src/ports/store.ts'
import { Space } from '../helpers/log.ts'
import { number } from '../runtime/helpers.ts'
import { fail, jsonLines, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const path = (name: string): string => join(folder, name)
const keys = path('keys.json')
const clerk = agent('clerk', {
  note: on({ input: number }, (turn, n) => turn.append('account', 'noted', { n })),
})

async function note(name: string, ...numbers: readonly number[]): Promise<void> {
  const space = await open(`sqlite:${path(name)}`, { agents: [clerk] })
  for (const n of numbers) await space.ask(clerk.note, n)
  await space.close()
}

function copy(from: string, to: string): void {
  copyFileSync(path(from), path(to))
  cpSync(`${path(from)}.keys`, `${path(to)}.keys`, { recursive: true })
}

// A database and its keyring are copied, and both go on: the realistic case.
before(async () => {
  await note('a.db', 1, 2)
  copy('a.db', 'old.db')
  copy('a.db', 'b.db')
  await note('a.db', 3, 4)
  await note('b.db', 30)
  await succeed(['keys', 'export', '--out', keys, '--db', path('a.db')])
})

const against = (one: string, other: string): string[] => {
  return ['verify', '--db', path(one), '--against', path(other), '--keys', keys]
}

suite('verify --against', { timeout: 60_000 }, () => {
  test('accepts a copy, an older one and a newer one, and says which it is', async () => {
    copy('a.db', 'same.db')
    assert.match(await succeed(against('a.db', 'same.db')), /are the same, up to position \d+/)
    assert.match(await succeed(against('a.db', 'old.db')), /This log goes on where .*old\.db ends/)
    assert.match(await succeed(against('old.db', 'a.db')), /a\.db goes on where this log ends/)
  })

  test('finds the agent whose key was used twice, and writes evidence that verifies offline', async () => {
    const out = path('forks.json')
    const text = await fail([...against('a.db', 'b.db'), '--out', out], 3, 'COTERIE_VERIFICATION_FAILED')
    assert.match(
      text,
      /part at position \d+, though each verifies: "clerk" signed two different records with number 2/,
    )
    const proved = await succeed(['verify', '--forks', out, '--keys', keys, '--db', path('none.db')])
    assert.match(
      proved,
      /^"clerk" signed two different records with number 2: [0-9a-f]{64} and [0-9a-f]{64}\.$/m,
    )
    const [report] = jsonLines(await succeed(['verify', '--forks', out, '--keys', keys, '--json']))
    assert.equal(report?.['ok'], true)
    const swapped = path('other-forks.json')
    await fail([...against('b.db', 'a.db'), '--out', swapped], 3, 'COTERIE_VERIFICATION_FAILED')
    assert.equal(readFileSync(swapped, 'utf8'), readFileSync(out, 'utf8'))
    writeFileSync(swapped, readFileSync(out, 'utf8').replace('"seq": 2', '"seq": 3'))
    await fail(['verify', '--forks', swapped, '--keys', keys], 3, 'COTERIE_VERIFICATION_FAILED')
  })

  test('refuses the log of another space, and options that make no sense together', async () => {
    await note('stranger.db', 1)
    const args = ['verify', '--db', path('a.db'), '--against', path('stranger.db')]
    await fail(args, 2, 'COTERIE_INVALID_ARGUMENT')
    await fail(['verify', '--db', path('a.db'), '--out', path('x')], 2, 'COTERIE_USAGE')
    await fail(['verify', '--forks', keys], 2, 'COTERIE_USAGE')
    await fail(['verify', '--forks', keys, '--keys', keys], 3, 'COTERIE_VERIFICATION_FAILED')
    await fail(['verify', '--forks', keys, '--certificate', keys, '--keys', keys], 2, 'COTERIE_USAGE')
  })
})

/** A store that gives these records, and nothing else. */
function holding({ id, records }: Space): SpaceStore {
  const store: Partial<SpaceStore> = {
    id,
    records: async (position, limit) => records.slice(position, position + limit),
    chain: async (author, seq, limit) =>
      records.filter((record) => record.author === author && record.seq >= seq).slice(0, limit),
  }
  return store as SpaceStore
}

test('logs that have the same records in another order part, and nobody has forked', async () => {
  const [one, other] = [new Space(), new Space()]
  assert.equal(one.id, other.id)
  for (const author of ['alice', 'bob']) one.write({ author, kind: 'send' })
  for (const author of ['bob', 'alice']) other.write({ author, kind: 'send' })
  const ends = { here: one.position, there: other.position }
  const comparison = await compareLogs(holding(one), holding(other), ends)
  assert.deepEqual(comparison, { common: 2, parted: true, forks: [] })
})

test('of each author the first fork is found, also behind pages of other records', async () => {
  const [one, other] = [new Space(), new Space()]
  for (let n = 0; n < 510; n++) {
    const record = one.write({ author: `alice/${n}`, kind: 'send' })
    other.add(record, one.bodies[record.position] ?? one.body({ author: 'alice', kind: 'send' }))
  }
  for (const [at, space] of [one, other].entries()) {
    for (let n = 0; n < 510; n++) space.write({ author: `bob/${n + 510 * at}`, kind: 'send' })
    for (const author of ['alice', 'alice', 'bob']) space.write({ author, kind: 'send', at })
  }
  const ends = { here: one.position, there: other.position }
  const { common, forks } = await compareLogs(holding(one), holding(other), ends)
  assert.equal(common, 512)
  assert.deepEqual(
    forks.map(({ author, seq, here, there }) => [author, seq, here, there]),
    [
      ['alice', 0, 1022, 1022],
      ['bob', 0, 1024, 1024],
    ],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../../../src/open.ts'
import { parseLocation } from '../../../src/stores/postgres/location.ts'

test('a URL names hosts, a database and settings, and the driver sees only what is its own', () => {
  const location = parseLocation(
    'postgres://me:se%40cret@one:5433,[::1]:5434/team?target_session_attrs=read-write&schema=mine&connections=3' +
      '&patience_ms=100&synchronous_commit=remote_apply&prepare=false&notify=false&sslmode=require',
  )
  assert.deepEqual(location, {
    shown: 'postgres://me@one:5433,[::1]:5434/team',
    targets: [
      'postgres://me:se%40cret@one:5433/team?sslmode=require',
      'postgres://me:se%40cret@[::1]:5434/team?sslmode=require',
    ],
    database: 'team',
    schema: 'mine',
    connections: 3,
    patienceMs: 100,
    synchronousCommit: 'remote_apply',
    prepare: false,
    notify: false,
  })
})

test('a URL that says little means what is usual', () => {
  const { targets, database, schema, connections, synchronousCommit, prepare, notify } =
    parseLocation('postgresql://localhost')
  assert.deepEqual(targets, ['postgres://localhost'])
  assert.deepEqual(
    { database, schema, connections, synchronousCommit, prepare, notify },
    {
      database: 'postgres',
      schema: 'coterie',
      connections: 8,
      synchronousCommit: undefined,
      prepare: true,
      notify: true,
    },
  )
})

const WRONG: readonly string[] = [
  'postgres:/host/team',
  'postgres://me:secret@host/team?schema=Mine',
  'postgres://me:secret@host/team?schema=a;drop',
  'postgres://me:secret@host/team?connections=0',
  'postgres://me:secret@host/team?connections=many',
  'postgres://me:secret@host/team?patience_ms=-1',
  'postgres://me:secret@host/team?synchronous_commit=maybe',
  'postgres://me:secret@host/team?prepare=yes',
  'postgres://me:secret@host/team?target_session_attrs=standby',
]

for (const url of WRONG) {
  test(`${url} is refused, and its password is not repeated`, () => {
    assert.throws(
      () => openStore(url),
      (error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error)
        assert.equal(error.code, 'COTERIE_INVALID_ARGUMENT')
        assert.doesNotMatch(error.message, /secret/)
        return true
      },
    )
  })
}

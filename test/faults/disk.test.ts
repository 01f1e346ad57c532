import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { launch } from '../helpers/processes.ts'
import { canMount, mounted } from './mounts.ts'

test(
  'a full disk refuses sends, leaves nothing half-written, and work goes on when there is room again',
  {
    skip: !canMount() && 'needs the right to mount',
  },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-disk-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(join(folder, 'disk'))
    const [database, ballast] = ['disk/space.db', 'disk/ballast'].map((name) => join(folder, name))
    const child = launch(t, new URL('disk-child.ts', import.meta.url), [database ?? '', ballast ?? ''], {
      wrapper: mounted(join(folder, 'disk')),
    })

    const full = await child.event('full')
    assert.deepEqual(
      [full['code'], full['retryable'], full['again']],
      ['COTERIE_STORE_FULL', true, 'COTERIE_STORE_FULL'],
    )
    assert.deepEqual(
      [full['verified'], full['kept']],
      [true, true],
      'what was acknowledged, and nothing else, is there',
    )
    assert.equal((await child.event('created'))['code'], 'COTERIE_STORE_FULL')

    child.tell('free')
    const done = await child.event('done')
    assert.deepEqual([done['verified'], done['kept']], [true, true])
    assert.equal(done['acknowledged'], Number(full['acknowledged']) + 20)
    assert.equal(done['handled'], done['acknowledged'], 'every message that was acknowledged is handled')
    assert.ok(Number(full['handled']) < Number(full['acknowledged']), 'the disk was full for the agent too')
    await child.success()
  },
)

test(
  'a log that fills the disk is given back, and writing goes on as long as there is room for the database',
  {
    skip: !canMount() && 'needs the right to mount',
  },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-disk-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(join(folder, 'disk'))
    const args = [join(folder, 'disk', 'space.db'), '1500']
    const wrapper = mounted(join(folder, 'disk'), [], 4)
    const child = launch(t, new URL('small-disk-child.ts', import.meta.url), args, { wrapper })
    const { done, code } = await child.event('done')
    assert.deepEqual([done, code], [1500, 'none'])
    await child.success()
  },
)

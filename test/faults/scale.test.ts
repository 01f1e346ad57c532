import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { measureScale } from '../../bench/scale.ts'

/** The full numbers take a minute: `npm run bench` has them. */
const SHARE = 0.2

test('20,000 waiting messages, 2,000 idle agents and a restart over 20,000 records stay in bounds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-scale-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const scale = await measureScale(folder, SHARE)
  t.diagnostic(
    `${scale.backlogRssMb.toFixed(0)} MB, ${scale.idleCpuPercent.toFixed(2)} % of a processor, ` +
      `ready again in ${scale.restartMs.toFixed(0)} ms`,
  )
  assert.ok(scale.backlogRssMb > 0 && scale.backlogRssMb < 250, `${scale.backlogRssMb} MB`)
  assert.ok(scale.idleCpuPercent < 2, `${scale.idleCpuPercent} %`)
  assert.ok(scale.restartRecords > 20_000 && scale.restartMs < 2_000, `${scale.restartMs} ms`)
})

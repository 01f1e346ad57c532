import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { roster } from '../../examples/dependency-review/analysis/roster.ts'
import { coterie, succeed, temporaryFolder } from '../cli/cli.ts'
import {
  assertSound,
  certificatesOf,
  lockfileOf,
  outcomesOf,
  plainOutcomes,
  reviewed,
  votesIn,
} from '../helpers/demo.ts'

const folder = temporaryFolder()

for (const name of ['boring', 'suspicious', 'v2'] as const) {
  test(`puts each package to the vote once in each of its rounds: ${name}`, async () => {
    const db = join(folder, `${name}.db`)
    const input = lockfileOf(name)
    const document = await reviewed(input, db)
    await assertSound(document, input, db)
    // A package: the coordinator, three leads, one turn of each reviewer to look, and one for each vote.
    const votes = votesIn(db).length * roster.length
    assert.equal(document.turns, document.packages * (4 + roster.length) + votes)
    assert.equal(document.messages, document.turns * 2)
    assert.equal(document.space, 'main')
  })
}

test('approves every boring package in the first round, with the votes of all', async () => {
  const { decisions } = await reviewed(lockfileOf('boring'), join(folder, 'boring.db'))
  assert.equal(decisions.length, 12)
  for (const { package: name, outcome, tally, ...rest } of decisions) {
    assert.equal(outcome, 'approved', name)
    assert.deepEqual(tally, { approve: roster.length, reject: 0, abstain: 0, silent: 0 }, name)
    assert.deepEqual(Object.keys(rest), ['certificate', 'reasons'])
  }
})

test('decides what has changed in a lock file, and nothing else', async () => {
  const db = join(folder, 'changed.db')
  const before = await reviewed(lockfileOf('suspicious'), db)
  const input = join(folder, 'package-lock.json')
  const lock = JSON.parse(readFileSync(lockfileOf('suspicious'), 'utf8')) as {
    packages: Record<string, Record<string, unknown>>
  }
  const { 'node_modules/lodahs': _gone, ...packages } = lock.packages
  const copyleft = packages['node_modules/copyleft-library']
  assert.ok(copyleft)
  copyleft['license'] = 'MIT'
  packages['node_modules/brand-new'] = { version: '1.0.0', license: 'MIT' }
  writeFileSync(input, JSON.stringify({ ...lock, packages }))

  const after = await reviewed(input, db)
  assert.deepEqual(outcomesOf(after), plainOutcomes(input))
  assert.equal(outcomesOf(before)['copyleft-library@3.0.0'], 'escalated-rejected')
  assert.equal(outcomesOf(after)['copyleft-library@3.0.0'], 'approved')
  const earlier = certificatesOf(before)
  const anew = after.decisions.filter((one) => earlier[one.package] !== one.certificate)
  assert.deepEqual(
    anew.map((one) => one.package),
    ['brand-new@1.0.0', 'copyleft-library@3.0.0'],
  )
  assert.equal(votesIn(db).filter((vote) => vote.package === 'brand-new@1.0.0').length, 1)
  // The lock file as it was is still decided as it was.
  assert.deepEqual(certificatesOf(await reviewed(lockfileOf('suspicious'), db)), earlier)
})

test('proves a decision to whoever has its certificate and the keys alone', async () => {
  const db = join(folder, 'suspicious.db')
  const { decisions } = await reviewed(lockfileOf('suspicious'), db)
  const id = decisions.find((one) => one.outcome === 'escalated-rejected')?.certificate
  assert.ok(id)
  const [certificate, keys] = [join(folder, 'certificate.json'), join(folder, 'keys.json')]
  await succeed(['certificate', id, '--db', db, '--out', certificate])
  await succeed(['keys', 'export', '--db', db, '--out', keys])
  const offline = ['verify', '--certificate', certificate, '--keys', keys]
  assert.match(await succeed(offline), new RegExp(id))
  const text = readFileSync(certificate, 'utf8')
  writeFileSync(certificate, text.replace('"choice":"reject"', '"choice":"approve"'))
  assert.equal((await coterie(offline)).code, 3)
})

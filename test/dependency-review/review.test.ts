import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compareRisks } from '../../examples/dependency-review/analysis/finding.ts'
import {
  type PackageReview,
  reviewContext,
  reviewPackage,
} from '../../examples/dependency-review/analysis/review.ts'
import type { Json } from '../../src/core/json.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'
import { hash, lockText } from './build.ts'

function review(text: string): PackageReview[] {
  const lockfile = parseLockfile(text, 'package-lock.json')
  const context = reviewContext(lockfile, { nodeVersion: 'v24.1.0' })
  return lockfile.packages.map((pkg) => reviewPackage(pkg, context))
}

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/lockfiles/${name}/package-lock.json`, import.meta.url), 'utf8')
}

/** The outcome of each package, and the checks that found something of weight in it. */
function outcomes(text: string): Record<string, string> {
  return Object.fromEntries(
    review(text).map(({ name, version, outcome, second, findings }) => {
      const weighty = findings.filter((one) => compareRisks(one.risk, 'notable') >= 0).map((one) => one.check)
      assert.equal(second.length > 0, outcome.startsWith('escalated'), name)
      return [`${name}@${version}`, [outcome, ...weighty].join(', ')]
    }),
  )
}

test('approves a boring lock file in the first round, by all reviewers', () => {
  const reviews = review(fixture('boring'))
  assert.equal(reviews.length, 12)
  for (const { name, first, second, outcome, findings } of reviews) {
    assert.equal(outcome, 'approved', name)
    assert.equal(second.length, 0, name)
    assert.ok(
      first.every((vote) => vote.choice === 'approve'),
      name,
    )
    const weighty = findings.filter((one) => one.risk !== 'info').map((one) => one.check)
    assert.deepEqual(weighty, name === 'fsevents' ? ['install-scripts'] : [], name)
  }
})

test('approves an older lock file with aliases, nested copies and platform packages', () => {
  assert.deepEqual(outcomes(fixture('v2')), {
    '@esbuild/linux-x64@0.25.9': 'approved',
    'ansi-styles@4.3.0': 'approved',
    'ansi-styles@6.2.1': 'approved',
    'chalk@4.1.2': 'approved',
    'esbuild@0.25.9': 'approved, install-scripts',
    'slice-ansi@5.0.0': 'approved',
    'spdx-exceptions@2.5.0': 'approved',
    'string-width@4.2.3': 'approved',
    'string-width@5.1.2': 'approved',
    'wrap-ansi@8.1.0': 'approved',
  })
})

test('comes to the outcome that each package of a suspicious lock file deserves', () => {
  assert.deepEqual(outcomes(fixture('suspicious')), {
    'basket-branch@2.1.0': 'escalated-rejected, provenance',
    'basket-tools@2.1.0': 'escalated-approved, provenance',
    'copyleft-library@3.0.0': 'escalated-rejected, licences',
    'copyleft-tool@3.0.0': 'escalated-approved, licences',
    'eager-forgeable@1.0.0': 'escalated-rejected, integrity, install-scripts',
    'eager-starter@1.0.0': 'escalated-approved, install-scripts',
    'either-licence@1.0.0': 'approved',
    'forgeable-hash@0.4.2': 'escalated-approved, integrity',
    'hashless@1.2.0': 'approved, integrity',
    'honest-widget@1.0.0': 'approved',
    'leaky-parser@1.8.0': 'escalated-approved, deprecation',
    'lodahs@4.17.21': 'escalated-rejected, look-alikes',
    'needs-the-future@1.0.0': 'escalated-approved, engines',
    'nobody-may@1.0.0': 'escalated-rejected, licences',
    'plain-widget@1.0.0': 'escalated-rejected, provenance, integrity',
    'retired-parser@1.9.0': 'approved, deprecation',
    'sealed-widget@1.0.0': 'approved, provenance',
    'seen-twice@1.0.0': 'approved',
    'seen-twice@2.0.0': 'approved',
    'stuck-in-the-past@1.0.0': 'approved, engines',
    'swapped-widget@1.0.0': 'escalated-rejected, provenance',
    'terms-of-its-own@1.0.0': 'escalated-approved, licences',
  })
})

test('rejects in the first round what most reviewers find reason to reject', () => {
  const entry = { version: '1.0.0', resolved: 'git+https://example.com/a.git#main', license: 'GPL-3.0' }
  const [one] = review(lockText({ 'node_modules/honest-widget': entry }))
  assert.equal(one?.outcome, 'rejected')
  assert.equal(one.first.filter((vote) => vote.choice === 'reject').length, 6)
  assert.deepEqual(one.second, [])
})

test('makes plain JSON of everything, and the same each time', () => {
  const reviews = review(fixture('suspicious'))
  const lockfile = parseLockfile(fixture('suspicious'), 'package-lock.json')
  // The compiler holds these to be JSON as well, so that they can be sent as they are.
  const sent: readonly Json[] = [
    ...lockfile.packages,
    ...reviews,
    reviewContext(lockfile, { nodeVersion: '24' }),
  ]
  assert.deepEqual(JSON.parse(JSON.stringify(sent)), sent)
  assert.deepEqual(JSON.parse(JSON.stringify(reviews)), reviews)
  assert.deepEqual(review(fixture('suspicious')), reviews)
})

test('reviews 1,000 packages in less than two seconds', () => {
  const packages: Record<string, unknown> = {}
  for (let index = 0; index < 1000; index += 1) {
    packages[`node_modules/some-widget-${'abcdefghij'[index % 10]}-${index}`] = {
      version: '1.0.0',
      integrity: hash('sha512'),
      license: '(MIT OR Apache-2.0)',
      engines: { node: '^18.18.0 || >=20' },
    }
  }
  const start = performance.now()
  assert.equal(review(lockText(packages)).length, 1000)
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`)
})

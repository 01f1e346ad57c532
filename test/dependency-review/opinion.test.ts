import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckName, Finding, Risk } from '../../examples/dependency-review/analysis/finding.ts'
import { isRisky, opinion, type Round } from '../../examples/dependency-review/analysis/opinion.ts'
import { roster } from '../../examples/dependency-review/analysis/roster.ts'

const found = (...pairs: readonly (readonly [CheckName, Risk])[]): Finding[] =>
  pairs.map(([check, risk]) => ({ check, risk, summary: 'has something about it' }))

const choices = (findings: readonly Finding[], round: Round): string[] =>
  roster.map(({ role }) => opinion(role, findings, round).choice)

const count = (all: readonly string[], choice: string): number => all.filter((one) => one === choice).length

test('has at least eight reviewers in three teams, each with a check of its own', () => {
  assert.ok(roster.length >= 8)
  assert.deepEqual([...new Set(roster.map((one) => one.team))], ['security', 'legal', 'quality'])
  assert.equal(new Set(roster.map((one) => one.check)).size, roster.length)
})

test('approves a boring package by all reviewers in both rounds', () => {
  for (const round of ['first', 'second'] as const) {
    assert.equal(count(choices([], round), 'approve'), roster.length)
    assert.equal(
      count(choices(found(['duplicates', 'info'], ['code', 'info']), round), 'approve'),
      roster.length,
    )
  }
  assert.equal(isRisky([]), false)
})

test('in the first round, rejects on a finding of its own and leaves others to their reviewers', () => {
  const git = found(['provenance', 'risky'])
  assert.equal(opinion('provenance', git, 'first').choice, 'reject')
  assert.equal(opinion('integrity', git, 'first').choice, 'abstain')
  assert.equal(opinion('licences', [], 'first').choice, 'approve')
  assert.equal(opinion('integrity', found(['provenance', 'severe']), 'first').choice, 'reject')
  assert.equal(opinion('licences', found(['provenance', 'severe']), 'first').choice, 'abstain')
  assert.equal(opinion('provenance', found(['provenance', 'notable']), 'first').choice, 'approve')
})

test('escalates one risky finding, or notable ones of three checks', () => {
  assert.equal(isRisky(found(['integrity', 'risky'])), true)
  assert.equal(isRisky(found(['integrity', 'notable'], ['engines', 'notable'])), false)
  assert.equal(isRisky(found(['integrity', 'notable'], ['engines', 'notable'], ['code', 'notable'])), true)
  assert.equal(isRisky(found(['code', 'notable'], ['code', 'notable'], ['code', 'notable'])), false)
  assert.equal(isRisky(found(['code', 'info'], ['engines', 'info'])), false)
})

test('outvotes the reviewer of a single risky finding in the second round', () => {
  const sha1 = found(['integrity', 'risky'], ['engines', 'notable'])
  assert.equal(count(choices(sha1, 'second'), 'approve'), roster.length - 1)
  assert.equal(opinion('integrity', sha1, 'second').choice, 'reject')
})

test('rejects by all in the second round what is severe or adds up', () => {
  for (const findings of [
    found(['look-alikes', 'severe']),
    found(['integrity', 'risky'], ['install-scripts', 'risky']),
    found(['integrity', 'risky'], ['engines', 'notable'], ['deprecation', 'notable']),
  ]) {
    assert.equal(count(choices(findings, 'second'), 'reject'), roster.length)
  }
})

test('always has two thirds on one side in the second round, and is never milder for a finding more', () => {
  const checks = roster.map(({ check }) => check)
  const levels: readonly (Risk | undefined)[] = [undefined, 'notable', 'risky', 'severe']
  // All ways to give the first five checks a risk; the others differ from these in nothing but the name.
  for (let code = 0; code < levels.length ** 5; code += 1) {
    const findings = checks.slice(0, 5).flatMap((check, place) => {
      const risk = levels[Math.floor(code / levels.length ** place) % levels.length]
      return risk === undefined ? [] : found([check, risk])
    })
    const votes = choices(findings, 'second')
    const rejections = count(votes, 'reject')
    assert.ok(
      Math.max(rejections, count(votes, 'approve')) * 3 >= roster.length * 2,
      JSON.stringify(findings),
    )
    const more = choices([...findings, ...found(['engines', 'risky'])], 'second')
    assert.ok(count(more, 'reject') >= rejections)
    if (findings.some((one) => one.risk === 'severe')) assert.equal(rejections, roster.length)
  }
})

test('gives a reason that says what was found', () => {
  const gpl: Finding[] = [
    { check: 'licences', risk: 'severe', summary: 'has a denied licence', evidence: 'GPL-3.0' },
  ]
  assert.equal(opinion('licences', gpl, 'first').reason, 'because it has a denied licence (GPL-3.0)')
  assert.equal(opinion('engines', [], 'first').reason, 'found nothing')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_TRAITS } from '../../src/core/errors.ts'
import { read } from '../repo/files.ts'

interface Section {
  readonly code: string
  readonly text: string
}

/** The sections of the page, each with its text. */
function sections(): readonly Section[] {
  const parts = read('docs/reference/errors.md').split(/^#{2,3} /m)
  return parts.flatMap((part) => {
    const [, code, text] = /^(COTERIE_[A-Z_]+)\n([^]*)$/.exec(part) ?? []
    return code === undefined || text === undefined ? [] : [{ code, text }]
  })
}

test('each error code has one section, and each section an error code', () => {
  const documented = sections().map(({ code }) => code)
  assert.deepEqual(documented.toSorted(), Object.keys(ERROR_TRAITS).toSorted())
})

test('each section tells the exit code and whether the error is retryable, as the code has them', () => {
  const told = sections().map(({ code, text }) => {
    const [, exit, retryable] = /^Exit code (\d+)\. Retryable: (yes|no)\.$/m.exec(text) ?? []
    return [code, { exit: Number(exit), retryable: retryable === 'yes' }]
  })
  assert.deepEqual(Object.fromEntries(told), ERROR_TRAITS)
})

test('each section says what happened and what to do', () => {
  for (const { code, text } of sections()) {
    const [happened = '', todo = ''] = text.split('**What to do:**')
    assert.ok(happened.trim().length > 40, code)
    assert.ok((todo.split('\n\n')[0] ?? '').trim().length > 10, code)
  }
})

test('the table of the command line puts each code under its exit code', () => {
  const rows = [...read('docs/reference/cli.md').matchAll(/^\| (\d+) \| [^|]* \| ([^|]*) \|$/gm)]
  const listed = rows.flatMap(([, exit, codes = '']) =>
    [...codes.matchAll(/COTERIE_[A-Z_]+/g)].map(([code]) => [code, Number(exit)]),
  )
  const traits = Object.entries(ERROR_TRAITS).map(([code, { exit }]) => [code, exit])
  assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(traits))
})

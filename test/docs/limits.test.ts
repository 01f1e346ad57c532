import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from '../../src/core/limits.ts'
import { read } from '../repo/files.ts'

test('each limit has one section with its default, and each section a limit', () => {
  const parts = read('docs/reference/limits.md').split(/^#{2,3} /m)
  const told = parts.flatMap((part) => {
    const [, name] = /^([a-z][A-Za-z]+)\n/.exec(part) ?? []
    const [, value = ''] = /^Default: ([\d,]+)/m.exec(part) ?? []
    return name === undefined ? [] : [[name, Number(value.replaceAll(',', ''))] as const]
  })
  assert.equal(new Set(told.map(([name]) => name)).size, told.length)
  assert.deepEqual(Object.fromEntries(told), { ...DEFAULT_LIMITS })
})

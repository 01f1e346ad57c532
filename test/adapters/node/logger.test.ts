import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonLogger } from '../../../src/adapters/node/logger.ts'

test('writes one JSON object a line, with the time, the level, the message and the fields, in this order', () => {
  const lines: string[] = []
  jsonLogger((line) => lines.push(line)).log('warn', 'two\nlines', {
    agent: 'alice',
    count: 2,
    gone: undefined,
  })
  assert.equal(lines.length, 1)
  const [line = ''] = lines
  assert.ok(!line.includes('\n'))
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>
  assert.equal(new Date(String(time)).toISOString(), time)
  assert.deepEqual(rest, { level: 'warn', message: 'two\nlines', agent: 'alice', count: 2 })
  assert.match(line, /^\{"time":.*"level":.*"message":.*"agent":.*"count":/)
})

test('leaves out what matters less than it was told', () => {
  const written = (minLevel?: 'debug' | 'info' | 'warn' | 'error'): string[] => {
    const lines: string[] = []
    const logger = jsonLogger((line) => lines.push(line), minLevel)
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger.log(level, level)
    return lines.map((line) => (JSON.parse(line) as { readonly level: string }).level)
  }
  assert.deepEqual(written(), ['info', 'warn', 'error'])
  assert.deepEqual(written('debug'), ['debug', 'info', 'warn', 'error'])
  assert.deepEqual(written('error'), ['error'])
})

test('lets no field pass for the time, the level or the message', () => {
  const lines: string[] = []
  jsonLogger((line) => lines.push(line)).log('error', 'real', {
    time: 'x',
    level: 'debug',
    message: 'forged',
  })
  const { time, level, message } = JSON.parse(lines[0] ?? '') as Record<string, string>
  assert.notEqual(time, 'x')
  assert.deepEqual([level, message], ['error', 'real'])
})

test('writes to the standard error by default, one line each', (t) => {
  const write = t.mock.method(process.stderr, 'write', () => true)
  const logger = jsonLogger()
  logger.log('info', 'one')
  logger.log('info', 'two')
  write.mock.restore()
  const written = write.mock.calls.map((call) => String(call.arguments[0])).join('')
  assert.deepEqual(
    written.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as { message: string }).message)),
    ['one', 'two', ''],
  )
})

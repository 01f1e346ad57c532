import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mock, test } from 'node:test'
import { systemClock } from '../../../src/adapters/node/clock.ts'

test('tells the time of the machine in milliseconds', () => {
  const before = Date.now()
  const now = systemClock.now()
  assert.ok(now >= before && now <= Date.now())
})

test('runs a timer once, and not at all when it is forgotten', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const fired = mock.fn()
  const forgotten = mock.fn()
  systemClock.setTimer(100, fired)
  systemClock.setTimer(100, forgotten)()
  t.mock.timers.tick(99)
  assert.equal(fired.mock.callCount(), 0)
  t.mock.timers.tick(500)
  assert.equal(fired.mock.callCount(), 1)
  assert.equal(forgotten.mock.callCount(), 0)
})

test('waits for longer than 31 bits of milliseconds, and can be forgotten on the way', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const most = 2 ** 31 - 1
  const fired = mock.fn()
  const forgotten = mock.fn()
  systemClock.setTimer(2 * most + 1000, fired)
  const forget = systemClock.setTimer(2 * most + 1000, forgotten)
  t.mock.timers.tick(most)
  t.mock.timers.tick(most)
  forget()
  t.mock.timers.tick(999)
  assert.equal(fired.mock.callCount(), 0)
  t.mock.timers.tick(1)
  assert.equal(fired.mock.callCount(), 1)
  assert.equal(forgotten.mock.callCount(), 0)
})

test('keeps no process alive by a timer', () => {
  const clock = JSON.stringify(new URL('../../../src/adapters/node/clock.ts', import.meta.url).href)
  const script = `
    const { systemClock } = await import(${clock})
    systemClock.setTimer(60_000, () => undefined)
    systemClock.setTimer(4_000_000_000, () => undefined)`
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
})

test('defers until all that is ready has run', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    systemClock.defer(() => {
      order.push('deferred')
      resolve()
    })
    void Promise.resolve().then(() => order.push('promise'))
    process.nextTick(() => order.push('tick'))
    order.push('now')
  })
  assert.equal(order[0], 'now')
  assert.deepEqual(order.slice(1, 3).toSorted(), ['promise', 'tick'])
  assert.equal(order[3], 'deferred')
})

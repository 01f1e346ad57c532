import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { agent, on } from '../../src/index.ts'
import { ONCE, nothing, start, test } from './helpers.ts'

const TURNS = 50
/** The newest turns may still be in somebody's hands. */
const KEPT_MAX = 5

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('turns that are over are not kept, whatever listened to their signals', async (t) => {
  const turns: WeakRef<object>[] = []
  const ann = agent('ann', { hello: on({ input: nothing }, () => 'hello') })
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      turns.push(new WeakRef(turn))
      turn.signal.addEventListener('abort', () => turn.reason('stopped'))
      await turn.step('call', ({ signal }) => {
        signal.addEventListener('abort', () => turn.reason('stopped'))
      })
      await turn.step('call with an end', () => 1, { timeoutMs: 60_000 })
      await turn.ask(ann.hello, null)
    }),
  })
  const space = await start(t, [ann, worker])
  for (let n = 0; n < TURNS; n++) await space.ask(worker.go, null)
  let kept = TURNS
  for (let round = 0; round < 50 && kept > KEPT_MAX; round++) {
    await delay(10)
    collect()
    kept = turns.filter((turn) => turn.deref() !== undefined).length
  }
  assert.equal(turns.length, TURNS)
  assert.ok(kept <= KEPT_MAX, `${kept} of ${TURNS} turns are kept`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rhythm } from '../../../src/stores/postgres/rhythm.ts'

test('looks and heartbeats together leave a second from one to the next', () => {
  for (const beatMs of [400, 999, 1_000, 1_500, 1_999, 3_333, 10_000]) {
    const rhythm = new Rhythm(0)
    const times: number[] = []
    let beatAt = 0
    for (let now = 0; now < 60_000; now += 20) {
      if (now >= beatAt) {
        beatAt = now + beatMs
        rhythm.looked(now)
        rhythm.beat(now)
        times.push(now)
      } else if (rhythm.isDue(now)) {
        rhythm.looked(now)
        times.push(now)
      }
    }
    const apart = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    const settled = apart.slice(Math.ceil(apart.length / 3))
    assert.ok(Math.max(...settled) < 2_100, `${beatMs}: nothing for ${Math.max(...settled)} ms`)
    if (beatMs >= 1_000) {
      const mean = settled.reduce((sum, ms) => sum + ms, 0) / settled.length
      assert.ok(mean >= 1_000, `${beatMs}: every ${mean} ms`)
    }
  }
})

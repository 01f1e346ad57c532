import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { failoverPairFor } from './failover-pair.ts'
import { releases, skipUnless } from './release.ts'

for (const release of releases) {
  const options = { timeout: 120_000, skip: skipUnless(release) }

  test(`PostgreSQL ${release.name}: what a pair has answered survives its primary`, options, async (t) => {
    const pair = await failoverPairFor(t, release)
    const { primary, standby } = pair
    const hosts = `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`
    assert.ok(pair.url('postgres').endsWith(`@${hosts}/postgres`))
    await primary.query('create table kept (i int)')
    let answered = 0
    const writing = (async (): Promise<void> => {
      for (let i = 1; ; i++) {
        await primary.query('insert into kept values ($1)', [i])
        answered = i
      }
    })().catch(() => undefined)
    await until(() => answered >= 20)
    await assert.rejects(standby.query('insert into kept values (0)'), { code: '25006' })

    await pair.killPrimary()
    const killed = performance.now()
    await writing
    await assert.rejects(primary.query('select 1'), { code: 'ECONNREFUSED' })
    await pair.promote()
    const kept = (await standby.query('select i from kept order by i')).map((row) => row['i'])
    await standby.query('insert into kept values (0)')
    t.diagnostic(
      `the standby takes writes ${(performance.now() - killed).toFixed(0)} ms after the kill; ` +
        `${answered} commits were answered, ${kept.length} are there`,
    )
    // At most the one that was on its way is there without having been answered.
    assert.deepEqual(
      kept.slice(0, answered),
      Array.from({ length: answered }, (_, i) => i + 1),
    )
    assert.ok(kept.length <= answered + 1)
  })

  test(
    `PostgreSQL ${release.name}: a commit is not answered while the standby is away`,
    options,
    async (t) => {
      const pair = await failoverPairFor(t, release)
      await pair.primary.query('create table kept (i int)')
      pair.standby.pause()
      const commit = pair.primary.query('insert into kept values (1)')
      assert.equal(await Promise.race([commit, delay(500, 'silence')]), 'silence')
      pair.standby.resume()
      assert.deepEqual(await commit, [])
    },
  )
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await delay(5)
}

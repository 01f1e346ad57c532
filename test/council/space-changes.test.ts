/** The members of a council whose replicas live in one space change. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { fileKeyring } from '../../src/adapters/node/keyring.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { agent, on } from '../../src/index.ts'
import { councilFiles, createReplicaFile, readMemberFolder, spaceCouncil } from '../../src/open-council.ts'
import { SpaceCouncil, until } from './space-kit.ts'

const TIMEOUT = { timeout: 120_000 }

test(
  'a fifth joins by the mail of the space, the first one is removed, and agents of the space are answered',
  TIMEOUT,
  async (t) => {
    const council = await SpaceCouncil.make()
    t.after(() => council.close())
    await council.startAll()
    const folder = join(council.folder, 'eve')
    mkdirSync(folder)
    const { publicKey } = fileKeyring(councilFiles(folder).keys, nodeCrypto, systemRandom).create('eve')
    const eve = { id: 'eve', publicKey, weight: 1, url: 'space:eve-replica' }
    writeFileSync(councilFiles(folder).roster, JSON.stringify(council.roster))
    writeFileSync(councilFiles(folder).card, JSON.stringify({ v: 1, type: 'coterie.council-member', ...eve }))
    await createReplicaFile(readMemberFolder(folder))
    const joining = await council.start('eve')
    assert.equal(joining.status().standing, 'joining')

    const add = { add: [eve], remove: [] }
    const added = await Promise.all(['alice', 'bob', 'carol'].map((id) => council.get(id).agree(add, 30_000)))
    await until(() => joining.status().standing === 'member', 30_000)
    assert.ok(added.some(({ outcome }) => outcome === 'decided'))
    const rest = ['bob', 'carol', 'dave', 'eve']
    await until(() => rest.every((id) => council.get(id).status().epoch === 1), 30_000)
    const asked = { question: 'All five?', rule: { type: 'unanimity' }, timeoutMs: 30_000 } as const
    assert.equal((await joining.propose(asked)).vote.ballots.length, 5)

    const remove = { add: [], remove: ['alice'] }
    await Promise.all(rest.map((id) => council.get(id).agree(remove, 30_000)))
    await until(() => council.get('alice').status().standing === 'removed', 30_000)
    await until(() => rest.every((id) => council.get(id).status().epoch === 2), 30_000)
    const peers = (): readonly string[] =>
      council
        .get('bob')
        .status()
        .peers.map(({ id }) => id)
    await until(() => peers().join(' ') === 'carol dave eve', 10_000)

    // An agent has the first membership file, or the newest: either way it is answered, and believes it.
    writeFileSync(join(council.folder, 'newest.json'), JSON.stringify(council.get('eve').roster()))
    for (const [at, file] of [council.rosterFile, join(council.folder, 'newest.json')].entries()) {
      const ref = spaceCouncil(file)
      const asking = agent(`asking-${at}`, {
        go: on({ input: z.string(), output: z.string() }, async (turn, question) => {
          const { outcome, certificate } = await turn.decide({ by: ref, question, timeoutMs: 30_000 })
          return `${outcome} in epoch ${certificate.epoch}`
        }),
      })
      const space = await council.open([asking])
      assert.equal(await space.ask(asking.go, 'May we?', { timeoutMs: 60_000 }), 'approve in epoch 2')
    }
  },
)

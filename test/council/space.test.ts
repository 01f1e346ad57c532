import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { verifyDecisionCertificate } from '../../src/council/certificate.ts'
import { SpaceCouncil } from './space-kit.ts'

const TIMEOUT = { timeout: 60_000 }
const CRYPTOS = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }

async function made(t: TestContext): Promise<SpaceCouncil> {
  const council = await SpaceCouncil.make()
  t.after(() => council.close())
  return council
}

test('four replicas in one file certify a vote, alike', TIMEOUT, async (t) => {
  const council = await made(t)
  await council.startAll()
  const { instance, epoch, members } = council.roster
  for (let round = 0; round < 5; round++) {
    const at = performance.now()
    const certificate = await council.get('alice').propose({ question: `May we? ${round}` })
    t.diagnostic(`${Math.round(performance.now() - at)} ms`)
    assert.equal(certificate.vote.outcome, 'approve')
    const verdict = verifyDecisionCertificate(CRYPTOS, certificate, { instance, epoch, members })
    assert.ok(verdict.ok, JSON.stringify(verdict))
    for (const name of ['bob', 'carol', 'dave']) {
      const own = await council.get(name).waitFor(certificate.vote.proposal.decision, 10_000)
      assert.deepEqual(own.vote, certificate.vote)
    }
  }
})

import assert from 'node:assert/strict'
import { agent, majority, nodeCrypto, on, verifyCertificate, vote } from '../../src/index.ts'
import type { Agent, Certificate, Decision, Handler, Space, TrustedKey, Vote } from '../../src/index.ts'
import type { RecordBody } from '../../src/core/record.ts'
import { proposalHash } from '../../src/voting/proposal.ts'
import { ONCE, gate, never, nothing, recorder, start, tempUrl, test, untilState } from './helpers.ts'

type Judge = ReturnType<typeof judge>

function judge(name: string, answer: () => Vote | Promise<Vote>) {
  return agent(name, { judge: vote(() => answer()) })
}

const says = (name: string, choice: string): Judge =>
  judge(name, () => ({ choice, reason: `${name} thinks so` }))

/** Resolves when the member has answered the first that it was asked. */
async function untilAnswered(space: Space, member: string): Promise<void> {
  for (;;) {
    const rows = await space.store.messagesOf({ after: -1, limit: 500 })
    const asked = rows.find(({ envelope }) => envelope.to === member)
    if (asked?.state === 'handled') return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const MATTER = { question: 'merge it?', rule: majority(), sealed: true } as const

type Chair = Agent<{ readonly decide: Handler<null, Decision> }>

function chair(judges: readonly Judge[], timeoutMs = 20_000): Chair {
  return agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.decide({ ...MATTER, timeoutMs, electorate: judges.map((one) => one.judge) }),
    ),
  })
}

async function verdict(
  space: Space,
  certificate: Certificate,
): Promise<ReturnType<typeof verifyCertificate>> {
  const keys = new Map<string, TrustedKey>()
  for (const record of await space.store.records(0, 200)) {
    const { agents = [] } = JSON.parse(record.body) as RecordBody
    for (const { name, key, publicKey } of agents) keys.set(key, { agent: name, publicKey })
  }
  return verifyCertificate(nodeCrypto, certificate, keys)
}

test('a sealed vote decides, and its certificate holds commitments that were closed before any ballot', async (t) => {
  const judges = [says('ann', 'approve'), says('ben', 'approve'), says('cat', 'reject')]
  const chairman = chair(judges)
  const space = await start(t, [chairman, ...judges])
  const { outcome, certificate } = await space.ask(chairman.decide, null)
  assert.equal(outcome, 'approve')
  assert.equal(certificate.commitments?.length, 3)
  assert.equal(certificate.ballots.length, 3)
  assert.deepEqual(certificate.tally.withheld, [])
  // The nonce keeps the few possible ballots from being tried out against a commitment.
  const nonces = certificate.ballots.map(({ ballot }) => ballot.nonce)
  assert.equal(new Set(nonces).size, 3)
  const told = await verdict(space, certificate)
  assert.ok(told.ok)
  assert.ok(told.explanation.some((line) => line.includes('3 members had committed themselves')))
})

test('nothing that the store has tells of a choice before the last member has committed itself', async (t) => {
  const held = gate()
  const words = ['approve because of pears', 'reject because of plums']
  const judges = [
    judge('ann', () => ({ choice: 'approve', reason: words[0] ?? '' })),
    judge('ben', () => ({ choice: 'reject', reason: words[1] ?? '' })),
    judge('cat', async () => {
      await held.opened
      return { choice: 'approve', reason: '' }
    }),
  ]
  const chairman = chair(judges)
  const space = await start(t, [chairman, ...judges])
  const answer = space.ask(chairman.decide, null)
  const everything = async (): Promise<string> => {
    const records = await space.store.records(0, 500)
    const messages = await space.store.messagesOf({ after: -1, limit: 500 })
    const streams = await space.store.streams(null, 500)
    const events = await Promise.all(streams.map((stream) => space.store.stream(stream)))
    return JSON.stringify([records, messages, events])
  }
  await untilAnswered(space, 'ann')
  await untilAnswered(space, 'ben')
  const before = await everything()
  assert.ok(before.includes('commitment'), 'nobody has committed itself yet')
  for (const word of words) assert.ok(!before.includes(word), `the store knows "${word}"`)
  assert.ok(!before.includes('"choice'))
  held.open()
  await answer
  const after = await everything()
  for (const word of words) assert.ok(after.includes(word))
})

test('a member that commits itself and does not show its ballot is named, and counts as silent', async (t) => {
  const url = tempUrl(t)
  const held = gate()
  const ann = says('ann', 'approve')
  const ben = judge('ben', async () => {
    await held.opened
    return { choice: 'approve', reason: '' }
  })
  const cat = says('cat', 'approve')
  // The process that has cat's key stops once cat has committed itself, and before ben has.
  const other = await start(t, [cat], { url })
  const chairman = chair([ann, ben, cat], 2_000)
  const space = await start(t, [chairman, ann, ben], { url })
  const answer = space.ask(chairman.decide, null)
  await untilAnswered(space, 'cat')
  await other.close()
  held.open()
  const { outcome, certificate } = await answer
  assert.equal(outcome, 'approve')
  const told = await verdict(space, certificate)
  assert.ok(told.ok)
  assert.deepEqual(certificate.tally.withheld, ['cat'])
  assert.deepEqual(certificate.tally.counts, { approve: 2, reject: 0, abstain: 0, silent: 1 })
  assert.ok(told.explanation.includes('"cat" committed itself, and did not show the ballot.'))
})

test('a member who has not committed itself in time is silent, and the others go on', async (t) => {
  const judges = [says('ann', 'approve'), says('ben', 'approve'), judge('cat', () => never<Vote>())]
  const chairman = chair(judges, 2_000)
  const space = await start(t, [chairman, ...judges])
  const { outcome, certificate } = await space.ask(chairman.decide, null)
  assert.equal(outcome, 'approve')
  assert.equal(certificate.tally.counts['silent'], 1)
  assert.deepEqual(certificate.tally.withheld, [])
})

test('the sealed ballot survives the end of every process between commitment and reveal', async (t) => {
  const url = tempUrl(t)
  const votes = recorder()
  const reached = gate()
  let held = gate()
  const make = (): readonly Judge[] => [
    judge('ann', () => {
      votes.note('ann')
      return { choice: 'approve', reason: `thought ${votes.seen.length}` }
    }),
    judge('ben', async () => {
      reached.open()
      await held.opened
      return { choice: 'approve', reason: '' }
    }),
  ]
  const before = make()
  const one = await start(t, [chair(before), ...before], { url })
  const id = await one.sendTo('chair', 'decide', null)
  await reached.opened
  await untilAnswered(one, 'ann')
  await one.close()
  held = gate()
  held.open()
  const after = make()
  const two = await start(t, [chair(after), ...after], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(votes.seen, ['ann'])
  const [kept] = await two.store.decisions(null, 10)
  const certificate = JSON.parse(kept?.certificate ?? '') as Certificate
  assert.equal(certificate.outcome, 'approve')
  assert.equal(certificate.ballots.find(({ ballot }) => ballot.member === 'ann')?.ballot.reason, 'thought 1')
  assert.ok((await verdict(two, certificate)).ok)
})

test('a member signs one ballot for a decision, however often it is asked', async (t) => {
  const votes = recorder()
  const fickle = judge('ann', () => {
    votes.note('ann')
    return { choice: votes.seen.length % 2 === 1 ? 'approve' : 'reject', reason: '' }
  })
  for (const sealed of [false, true]) {
    const chairman = agent('chair', {
      decide: on({ input: nothing, retry: ONCE }, (turn) =>
        turn.decide({ ...MATTER, sealed, electorate: [fickle.judge] }),
      ),
    })
    const space = await start(t, [chairman, fickle])
    const { certificate } = await space.ask(chairman.decide, null)
    const { proposal } = certificate
    const again = await space.ask(fickle.judge, proposal)
    assert.deepEqual(again, sealed ? certificate.commitments?.[0] : certificate.ballots[0])
    const other = await space.askSettled(fickle.judge, { ...proposal, question: 'delete it?' })
    assert.match(other.ok ? '' : other.error.message, /has voted there, on another proposal/)
    await space.close()
  }
  assert.deepEqual(votes.seen, ['ann', 'ann'])
})

test('a member shows its ballot for one set of commitments alone, and none that it has not sealed', async (t) => {
  const ann = says('ann', 'approve')
  const chairman = chair([ann])
  const space = await start(t, [chairman, ann])
  const { certificate } = await space.ask(chairman.decide, null)
  const { proposal } = certificate
  const [shown] = certificate.ballots
  const close = shown?.ballot.close ?? ''
  assert.deepEqual(await space.ask(ann.judge, { proposal, close } as never), shown)
  const refusals = [
    [{ proposal, close: 'f'.repeat(64) }, /for another set of commitments/],
    [{ proposal: { ...proposal, decision: 'dec_other' }, close }, /committed itself to no ballot/],
  ] as const
  for (const [request, words] of refusals) {
    const answer = await space.askSettled(ann.judge, request as never)
    assert.match(answer.ok ? '' : answer.error.message, words)
  }
  assert.equal(shown?.ballot.proposal, proposalHash(nodeCrypto, proposal))
})

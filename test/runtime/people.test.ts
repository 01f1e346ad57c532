import assert from 'node:assert/strict'
import { agent, majority, nodeCrypto, on, person, verifyCertificate, vote } from '../../src/index.ts'
import type {
  AnyAgent,
  Approval,
  DecideOptions,
  Decision,
  OutsideOptions,
  Space,
  TrustedKey,
} from '../../src/index.ts'
import type { RecordBody } from '../../src/core/record.ts'
import { ONCE, nothing, start, tempUrl, test, untilState } from './helpers.ts'

const alice = person('alice')
const bob = person('bob')
const PAY = { action: 'pay', arguments: { to: 'carol', cents: 700 } }

function clerk(options: Partial<DecideOptions> = {}): AnyAgent {
  return agent('clerk', {
    pay: on({ input: nothing, retry: ONCE }, async (turn): Promise<Decision> =>
      turn.decide({ question: 'Pay?', subject: PAY, electorate: [alice], rule: majority(), ...options }),
    ),
  })
}

async function untilAsked(space: Space, count = 1, name?: string): Promise<readonly Approval[]> {
  for (;;) {
    const waiting = await space.approvals(name === undefined ? {} : { person: name })
    if (waiting.length >= count) return waiting
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function decisionOf(space: Space, options: OutsideOptions = {}): Promise<Decision> {
  return (await space.askTo('clerk', 'pay', null, { timeoutMs: 20_000, ...options })) as Decision
}

async function explained(space: Space, { certificate }: Decision): Promise<readonly string[]> {
  const keys = new Map<string, TrustedKey>()
  for (const record of await space.store.records(0, 200)) {
    const { agents = [] } = JSON.parse(record.body) as RecordBody
    for (const { name, key, publicKey } of agents) keys.set(key, { agent: name, publicKey })
  }
  const verdict = verifyCertificate(nodeCrypto, certificate, keys)
  assert.ok(verdict.ok)
  return verdict.explanation
}

test('a person answers what waits for it, and the ballot in the certificate is signed with its key', async (t) => {
  const space = await start(t, [alice, clerk()])
  const answer = decisionOf(space)
  const [approval] = await untilAsked(space)
  assert.ok(approval)
  assert.deepEqual(approval.subject, PAY)
  assert.deepEqual([approval.person, approval.from, approval.shows], ['alice', 'clerk', false])
  assert.deepEqual(approval.options, ['approve', 'reject'])
  await space.answer(approval.id, { choice: 'approve', reason: 'the invoice is fine' })
  const decision = await answer
  assert.equal(decision.outcome, 'approve')
  const [ballot] = decision.certificate.ballots
  assert.equal(ballot?.ballot.reason, 'the invoice is fine')
  assert.equal(ballot?.ballot.proposal, approval.hash)
  assert.ok((await explained(space, decision)).includes('"approve": 1 ("alice").'))
  assert.deepEqual(await space.approvals(), [])
})

test('what is answered already, is too late, or never was there is refused by name', async (t) => {
  const space = await start(t, [alice, clerk({ timeoutMs: 300 })])
  const first = decisionOf(space)
  const [one] = await untilAsked(space)
  assert.ok(one)
  await space.answer(one.decision, { choice: 'reject' })
  assert.equal((await first).outcome, 'reject')
  await assert.rejects(space.answer(one.id, { choice: 'approve' }), {
    code: 'COTERIE_DECISION_CLOSED',
    message: /it was answered/,
  })
  const second = decisionOf(space)
  const [two] = await untilAsked(space)
  assert.equal((await second).outcome, 'none')
  await assert.rejects(space.answer(two?.id ?? '', { choice: 'approve' }), {
    code: 'COTERIE_DECISION_CLOSED',
  })
  await assert.rejects(space.answer('msg_0', { choice: 'approve' }), { code: 'COTERIE_NOT_FOUND' })
})

test('an answer that is no option is refused, and the request still waits', async (t) => {
  const space = await start(t, [alice, clerk({ options: ['once', 'always', 'never'] })])
  const answer = decisionOf(space)
  const [approval] = await untilAsked(space)
  await assert.rejects(space.answer(approval?.id ?? '', { choice: 'approve' }), {
    code: 'COTERIE_INVALID_ARGUMENT',
    message: /the options are: once, always, never, abstain/,
  })
  await space.answer(approval?.id ?? '', { choice: 'always' })
  assert.equal((await answer).outcome, 'always')
})

test('what waits is in one queue, for all people and all that ask, and each answer goes to its own', async (t) => {
  const space = await start(t, [alice, bob, clerk({ electorate: [alice, bob] })])
  const answers = [decisionOf(space), decisionOf(space, { idempotencyKey: 'two' })]
  const waiting = await untilAsked(space, 2)
  const [first] = waiting
  assert.deepEqual(new Set(waiting.map(({ person: name }) => name)), new Set(['alice', 'bob']))
  await assert.rejects(space.answer(first?.decision ?? '', { choice: 'approve' }), {
    message: /several people: alice, bob/,
  })
  for (let done = 0; done < 2; done++) {
    const [next] = await untilAsked(space, 2)
    for (const as of ['bob', 'alice']) await space.answer(next?.decision ?? '', { choice: 'approve', as })
  }
  for (const answer of answers) assert.equal((await answer).outcome, 'approve')
})

test('a later request can be answered before an earlier one', async (t) => {
  const asking = ['one', 'two', 'three'].map((name) =>
    agent(name, {
      ask: on({ input: nothing, retry: ONCE }, (turn) =>
        turn.decide({ question: name, electorate: [alice], rule: majority(), timeoutMs: 20_000 }),
      ),
    }),
  )
  const space = await start(t, [alice, ...asking])
  const answers = asking.map((one) => space.ask(one.ask, null))
  const waiting = await untilAsked(space, 3)
  for (const { id, question } of waiting.toReversed()) {
    await space.answer(id, { choice: question === 'two' ? 'reject' : 'approve' })
  }
  const outcomes = (await Promise.all(answers)).map(({ outcome }) => outcome)
  assert.deepEqual(outcomes, ['approve', 'reject', 'approve'])
})

test('for want of an answer it is escalated to another person, and then what holds otherwise', async (t) => {
  const options = { timeoutMs: 150, escalate: [{ electorate: [bob], timeoutMs: 10_000 }] }
  const space = await start(t, [alice, bob, clerk(options)])
  const answer = decisionOf(space)
  const [first] = await untilAsked(space, 1, 'alice')
  const [second] = await untilAsked(space, 1, 'bob')
  assert.notEqual(first?.decision, second?.decision)
  await space.answer(second?.id ?? '', { choice: 'approve' })
  const decision = await answer
  assert.equal(decision.certificate.proposal.after, first?.decision)
  assert.ok((await explained(space, decision)).some((line) => line.includes('was put to others before')))
  assert.equal((await space.store.decisions(null, 10)).length, 2)

  const late = { timeoutMs: 60, otherwise: 'reject', escalate: [{ electorate: [bob] }] }
  const other = await start(t, [alice, bob, clerk(late)])
  const nobody = await decisionOf(other)
  assert.deepEqual([nobody.outcome, nobody.certificate.tally.otherwise], ['reject', true])
  const told = await explained(other, nobody)
  assert.equal(told.at(-1), 'So it is what was to hold otherwise: "reject".')
})

test('a request waits while all is closed, at any depth of nested asks, and the answer finds its way', async (t) => {
  const url = tempUrl(t)
  const agents = (): readonly AnyAgent[] => {
    const bottom = clerk({ timeoutMs: 20_000 })
    const middle = agent('middle', {
      go: on({ input: nothing, retry: ONCE }, (turn) =>
        turn.ask({ agent: 'clerk', handler: 'pay', definition: bottom.handlers['pay'] as never }, null, {
          timeoutMs: 20_000,
        }),
      ),
    })
    const top = agent('top', {
      go: on({ input: nothing, retry: ONCE }, async (turn) => {
        const decision = (await turn.ask(middle.go, null, { timeoutMs: 20_000 })) as Decision
        turn.append('outcomes', 'decided', decision.outcome)
      }),
    })
    return [bottom, middle, top, alice]
  }
  const one = await start(t, agents(), { url })
  const id = await one.sendTo('top', 'go', null)
  const [approval] = await untilAsked(one)
  await one.close()
  // Answered from a process that runs nothing, while nobody else is there.
  const desk = await start(t, [], { url })
  await desk.answer(approval?.decision ?? '', { choice: 'approve', reason: 'seen' })
  await desk.close()
  const two = await start(t, agents(), { url })
  await untilState(two, id, 'handled')
  const { events } = await two.store.stream('outcomes')
  assert.deepEqual(
    events.map(({ data }) => data),
    ['"approve"'],
  )
})

test('two who answer for one person at the same moment: one answer counts, the other is told', async (t) => {
  const url = tempUrl(t)
  const one = await start(t, [alice, clerk()], { url })
  const two = await start(t, [], { url })
  const answer = decisionOf(one)
  const [approval] = await untilAsked(one)
  const id = approval?.id ?? ''
  const told = await Promise.allSettled([
    one.answer(id, { choice: 'approve' }),
    two.answer(id, { choice: 'reject' }),
  ])
  assert.deepEqual(told.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const won = told[0]?.status === 'fulfilled' ? 'approve' : 'reject'
  const { outcome, certificate } = await answer
  assert.equal(outcome, won)
  assert.deepEqual(certificate.tally.void, [])
})

test('people and agents decide together, sealed too: a person shows its ballot when it is asked for it', async (t) => {
  const robot = agent('robot', { judge: vote(() => ({ choice: 'approve', reason: '' })) })
  const space = await start(t, [
    alice,
    robot,
    clerk({ electorate: [alice, robot.judge], sealed: true, timeoutMs: 20_000 }),
  ])
  const answer = decisionOf(space)
  const [first] = await untilAsked(space)
  await space.answer(first?.id ?? '', { choice: 'approve', reason: 'by me' })
  const [second] = await untilAsked(space)
  assert.equal(second?.shows, true)
  await space.answer(second?.id ?? '', { choice: 'abstain' })
  const { outcome, certificate } = await answer
  assert.equal(outcome, 'approve')
  assert.equal(certificate.ballots.find(({ ballot }) => ballot.member === 'alice')?.ballot.reason, 'by me')
})

test('nobody answers for a person whose key was revoked', async (t) => {
  const url = tempUrl(t)
  const space = await start(t, [alice, clerk()], { url })
  const answer = decisionOf(space)
  const [approval] = await untilAsked(space)
  await space.revokeKey('alice', { reason: 'lost' })
  await assert.rejects(space.answer(approval?.id ?? '', { choice: 'approve' }), {
    code: 'COTERIE_KEY_REVOKED',
  })
  await space.close()
  await assert.rejects(answer, { code: 'COTERIE_CLOSED' })
})

test('an agent cannot pass for a person by the name of its handler', () => {
  assert.throws(() => agent('eve', { person: vote(() => ({ choice: 'approve', reason: '' })) }), {
    code: 'COTERIE_INVALID_DEFINITION',
  })
})

test('what was cancelled by who asked waits for nobody any more', async (t) => {
  const space = await start(t, [alice, clerk({ timeoutMs: 20_000 })])
  const id = await space.sendTo('clerk', 'pay', null)
  const [approval] = await untilAsked(space)
  await space.cancel(id)
  assert.deepEqual(await space.approvals(), [])
  await assert.rejects(space.answer(approval?.id ?? '', { choice: 'approve' }), {
    code: 'COTERIE_DECISION_CLOSED',
    message: /it is cancelled/,
  })
})

test('a vote that has closed waits for no person any more', async (t) => {
  const ann = agent('ann', { judge: vote(() => ({ choice: 'approve', reason: 'fine' })) })
  const ben = agent('ben', { judge: vote(() => ({ choice: 'approve', reason: 'fine' })) })
  const space = await start(t, [alice, ann, ben, clerk({ electorate: [alice, ann.judge, ben.judge] })])
  const decision = await decisionOf(space)
  assert.equal(decision.outcome, 'approve')
  assert.deepEqual(await space.approvals(), [])
})

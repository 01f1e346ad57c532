import assert from 'node:assert/strict'
import {
  agent,
  approval,
  CoterieError,
  majority,
  nodeCrypto,
  on,
  ranked,
  supermajority,
  threshold,
  twoThirds,
  verifyCertificate,
  vote,
} from '../../src/index.ts'
import type {
  Agent,
  AnyAgent,
  Certificate,
  CertificateVerdict,
  DecideOptions,
  Decision,
  Handler,
  Rule,
  Space,
  TrustedKey,
  Turn,
  Vote,
} from '../../src/index.ts'
import { z } from 'zod'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import type { RecordBody } from '../../src/core/record.ts'
import {
  ONCE,
  gate,
  never,
  nothing,
  recorder,
  start,
  tempUrl,
  test,
  turnRecords,
  untilState,
} from './helpers.ts'

type Judge = ReturnType<typeof judge>

function judge(name: string, answer: () => Vote | Promise<Vote>) {
  return agent(name, { judge: vote(() => answer()) })
}

const says = (name: string, choice: string): Judge =>
  judge(name, () => ({ choice, reason: `${name} says ${choice}` }))

type Chair = Agent<{ readonly decide: Handler<null, Decision> }>

function chair(options: Omit<DecideOptions, 'electorate'>, judges: readonly Judge[]): Chair {
  return agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.decide({ ...options, electorate: judges.map((one) => one.judge) }),
    ),
  })
}

async function decide(
  t: Parameters<typeof start>[0],
  options: Omit<DecideOptions, 'electorate'>,
  judges: readonly Judge[],
): Promise<{ readonly decision: Decision; readonly space: Space }> {
  const chairman = chair(options, judges)
  const space = await start(t, [chairman, ...judges])
  return { decision: await space.ask(chairman.decide, null), space }
}

/** What a certificate proves to somebody who has nothing but the keys that the space's log vouches for. */
async function verdict(space: Space, certificate: Certificate): Promise<CertificateVerdict> {
  const keys = new Map<string, TrustedKey>()
  for (const record of await space.store.records(0, 100)) {
    const { agents = [] } = JSON.parse(record.body) as RecordBody
    for (const { name, key, publicKey } of agents) keys.set(key, { agent: name, publicKey })
  }
  return verifyCertificate(nodeCrypto, certificate, keys)
}

/** The whole log verifies. */
async function verified(space: Space): Promise<void> {
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  assert.equal(report.fault, undefined)
}

const QUESTION = {
  question: 'merge it?',
  subject: { change: 7 },
  rule: majority(),
  everyBallot: true,
} as const

test('a majority decides, and the certificate verifies with the keys of the log', async (t) => {
  const judges = [says('ann', 'approve'), says('ben', 'approve'), says('cat', 'reject')]
  const { decision, space } = await decide(t, QUESTION, judges)
  assert.equal(decision.outcome, 'approve')
  assert.match(decision.id, /^dec_[0-9A-Z]{26}$/)
  const { certificate } = decision
  assert.equal(certificate.ballots.length, 3)
  assert.equal((await verdict(space, certificate)).ok, true)
  const forged = { ...certificate, outcome: 'reject' }
  assert.equal((await verdict(space, forged)).ok, false)
  assert.equal(verifyCertificate(nodeCrypto, certificate, new Map()).ok, false)
})

test('half is no majority, and two thirds is of all, not of those who answered', async (t) => {
  const two = [says('ann', 'approve'), says('ben', 'reject')]
  assert.equal((await decide(t, QUESTION, two)).decision.outcome, 'none')
  const silent = judge('cat', () => never<Vote>())
  const three = [says('ann', 'approve'), says('ben', 'approve'), silent]
  const options = { ...QUESTION, timeoutMs: 60 }
  assert.equal((await decide(t, { ...options, rule: twoThirds() }, three)).decision.outcome, 'approve')
  const one = [says('ann', 'approve'), says('ben', 'abstain'), silent]
  assert.equal((await decide(t, { ...options, rule: twoThirds() }, one)).decision.outcome, 'none')
  const all = await decide(t, { ...options, rule: supermajority(1, 1) }, three)
  assert.equal(all.decision.outcome, 'none')
})

test('a member who does not answer in time counts as silent, and the others decide', async (t) => {
  const from = Date.now()
  const judges = [says('ann', 'approve'), says('ben', 'approve'), judge('cat', () => never<Vote>())]
  const { decision, space } = await decide(t, { ...QUESTION, timeoutMs: 80 }, judges)
  assert.equal(decision.outcome, 'approve')
  assert.ok(Date.now() - from < 3_000)
  assert.deepEqual(
    decision.certificate.ballots.map(({ ballot }) => ballot.member),
    ['ann', 'ben'],
  )
  assert.equal((await verdict(space, decision.certificate)).ok, true)
})

test('a member who answers nonsense has not voted', async (t) => {
  const nonsense: unknown[] = [
    { choice: 'maybe', reason: '' },
    { choice: 7 },
    null,
    'approve',
    { choice: 'toString', reason: '' },
  ]
  const judges = nonsense.map((answer, n) => judge(`odd${n}`, () => answer as Vote))
  const { decision } = await decide(t, { ...QUESTION, timeoutMs: 3_000 }, [...judges, says('ann', 'approve')])
  assert.equal(decision.outcome, 'none')
  assert.deepEqual(
    decision.certificate.ballots.map(({ ballot }) => ballot.member),
    ['ann'],
  )
})

test('the options are those of the question, and abstaining is always one', async (t) => {
  const options = { ...QUESTION, options: ['red', 'green', 'blue'] }
  const judges = [says('ann', 'green'), says('ben', 'green'), says('cat', 'abstain')]
  const { decision } = await decide(t, options, judges)
  assert.equal(decision.outcome, 'green')
  assert.equal(decision.certificate.ballots.length, 3)
})

test('keyed instances vote each for themselves, with their reasons in the log', async (t) => {
  const seen = recorder()
  const panel = agent('panel', {
    judge: vote((turn, { question, subject, options }) => {
      seen.note([turn.self, question, subject, options])
      return { choice: turn.self === 'panel/c' ? 'reject' : 'approve', reason: `I am ${turn.self}` }
    }),
  })
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.decide({ ...QUESTION, electorate: ['a', 'b', 'c'].map((key) => ({ ref: panel.judge, key })) }),
    ),
  })
  const space = await start(t, [panel, chairman])
  const { outcome, certificate } = await space.ask(chairman.decide, null)
  assert.equal(outcome, 'approve')
  assert.deepEqual(
    certificate.ballots.map(({ ballot }) => ballot.member),
    ['panel/a', 'panel/b', 'panel/c'],
  )
  assert.deepEqual(seen.seen[0], ['panel/a', 'merge it?', { change: 7 }, ['approve', 'reject']])
  const records = await space.store.records(0, 100)
  assert.ok(records.some((record) => record.detail?.includes('votes reject: I am panel/c')))
})

test('the decision is in the log: its record names the certificate by hash', async (t) => {
  const judges = [says('ann', 'approve')]
  const chairman = chair(QUESTION, judges)
  const space = await start(t, [chairman, ...judges])
  const id = await space.send(chairman.decide, null)
  await untilState(space, id, 'handled')
  const record = (await turnRecords(space, id)).at(-1)
  const [entry] = record?.body.decisions ?? []
  const kept = await space.store.decision(entry?.id ?? '')
  assert.equal(kept?.hash, entry?.sha256)
  assert.equal(nodeCrypto.sha256(kept?.certificate ?? ''), entry?.sha256)
  assert.equal(kept?.position, record?.record.position)
  assert.equal((await space.store.decisions(null, 10)).length, 1)
})

test('refuses what cannot be put to a vote', async (t) => {
  const ann = says('ann', 'approve')
  const electorates: readonly AnyAgent[][] = [[], [ann, ann], [says('stranger', 'approve')]]
  const wrong = electorates.map((electorate) => ({
    ...QUESTION,
    electorate: electorate.map((one) => (one as Judge).judge),
  }))
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, async (turn) => {
      const codes: string[] = []
      for (const options of [...wrong, { ...QUESTION, electorate: [ann.judge], options: [] }]) {
        await turn.decide(options).catch((error: unknown) => codes.push((error as CoterieError).code))
      }
      return codes
    }),
  })
  const space = await start(t, [chairman, ann])
  assert.deepEqual(await space.ask(chairman.decide, null), [
    'COTERIE_INVALID_ARGUMENT',
    'COTERIE_INVALID_ARGUMENT',
    'COTERIE_UNKNOWN_RECIPIENT',
    'COTERIE_INVALID_ARGUMENT',
  ])
})

test('an agent signs no ballot in a decision that does not list it', async (t) => {
  const ann = says('ann', 'approve')
  const ben = says('ben', 'approve')
  const chairman = chair(QUESTION, [ann])
  const space = await start(t, [chairman, ann, ben])
  const { certificate } = await space.ask(chairman.decide, null)
  const answer = await space.askSettled(ben.judge, certificate.proposal)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_VERIFICATION_FAILED')
})

test('a vote that is interrupted goes on: members vote once, and the decision keeps its id', async (t) => {
  const url = tempUrl(t)
  const votes = recorder()
  let held = gate()
  const reached = gate()
  const ann = judge('ann', () => {
    votes.note('ann')
    return { choice: 'approve', reason: '' }
  })
  const ben = judge('ben', async () => {
    votes.note('ben')
    reached.open()
    await held.opened
    return { choice: 'approve', reason: '' }
  })
  const chairman = chair(QUESTION, [ann, ben])
  const one = await start(t, [chairman, ann, ben], { url })
  const id = await one.send(chairman.decide, null)
  await reached.opened
  const [question] = await one.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 2 })
  const { decision } = JSON.parse(question?.payload ?? '{}') as { decision: string }
  await untilState(one, question?.envelope.id ?? '', 'handled')
  await one.close()
  held = gate()
  held.open()
  const two = await start(t, [chairman, ann, ben], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(votes.seen, ['ann', 'ben', 'ben'])
  const [kept] = await two.store.decisions(null, 10)
  assert.equal(kept?.id, decision)
})

test('a member that returns no vote is silent at once, and its dead letter says why', async (t) => {
  const nonsense: readonly (readonly [string, unknown, RegExp])[] = [
    ['nothing', undefined, /a value of type undefined/],
    ['a word', 'approve', /a value of type undefined/],
    [
      'an option that is none',
      { choice: 'maybe' },
      /voted "maybe"; the options are approve, reject, abstain/,
    ],
    ['a number that has no JSON', { choice: 3n }, /a value of type bigint/],
    ['a reason that is no text', { choice: 'approve', reason: {} }, /a reason that is no text/],
    [
      'what cannot be read',
      {
        get choice() {
          throw new Error('no')
        },
      },
      /cannot be read as a vote/,
    ],
  ]
  for (const [what, answer, why] of nonsense) {
    const started = performance.now()
    const judges = [says('ann', 'approve'), says('ben', 'approve'), judge('odd', () => answer as Vote)]
    const { decision, space } = await decide(t, QUESTION, judges)
    assert.equal(decision.outcome, 'approve', what)
    assert.equal(decision.certificate.tally.counts['silent'], 1, what)
    assert.ok(performance.now() - started < 1_000, `${what} was tried again`)
    const [letter] = await space.dead()
    const error = JSON.parse(letter?.error ?? '') as { readonly code: string; readonly message: string }
    assert.equal(error.code, 'COTERIE_INVALID_REPLY', what)
    assert.match(error.message, why, what)
    assert.equal(letter?.attempts, 1, what)
  }
})

test('a vote counts however odd its reason is, and the reason is cut to its limit', async (t) => {
  const reasons = ['\ud800 broken', `${'x'.repeat(15_999)}\u{1f600} and more`, null as never]
  const judges = reasons.map((reason, n) => judge(`odd${n}`, () => ({ choice: 'approve', reason })))
  const { decision, space } = await decide(t, QUESTION, judges)
  assert.equal(decision.certificate.tally.counts['approve'], 3)
  assert.equal((await verdict(space, decision.certificate)).ok, true)
  const kept = decision.certificate.ballots.map(({ ballot }) => ballot.reason)
  assert.deepEqual(kept, ['\ufffd broken', `${'x'.repeat(15_999)}...`, ''])
})

test('a member that answers by reply has not voted', async (t) => {
  const odd = agent('odd', {
    judge: vote((turn) => {
      turn.reply(null as never)
      return { choice: 'approve', reason: '' }
    }),
  })
  const { decision, space } = await decide(t, QUESTION, [says('ann', 'approve'), odd])
  assert.equal(decision.certificate.tally.counts['silent'], 1)
  assert.match((await space.dead())[0]?.error ?? '', /votes by what its handler returns/)
})

test('the vote closes as soon as no missing ballot can change the outcome, and waits for nobody', async (t) => {
  const from = performance.now()
  const judges = [says('ann', 'approve'), says('ben', 'approve'), judge('cat', () => never<Vote>())]
  const { decision, space } = await decide(t, { ...QUESTION, everyBallot: false }, judges)
  assert.equal(decision.outcome, 'approve')
  assert.ok(performance.now() - from < 3_000, 'it waited for the silent one')
  assert.equal(decision.certificate.tally.counts['silent'], 1)
  assert.equal((await verdict(space, decision.certificate)).ok, true)
})

test('who has not answered when the vote closes is cancelled, with all whom it has asked', async (t) => {
  const ended = recorder()
  const reached = [gate(), gate()]
  const work = (name: string, at: number) => async (turn: Turn) => {
    turn.signal.addEventListener('abort', () => ended.note(name))
    reached[at]?.open()
    return never<Vote>()
  }
  const digger = agent('digger', { dig: on({ input: nothing }, work('digger', 0)) })
  const cat = agent('cat', {
    judge: vote(async (turn) => {
      turn.signal.addEventListener('abort', () => ended.note('cat'))
      await turn.ask(digger.dig, null)
      return { choice: 'approve', reason: 'dug' }
    }),
  })
  const dan = agent('dan', { judge: vote(work('dan', 1)) })
  const others = ['ann', 'ben', 'eve'].map((name) =>
    judge(name, async () => {
      await Promise.all(reached.map(({ opened }) => opened))
      return { choice: 'approve', reason: '' }
    }),
  )
  const judges = [cat, dan, ...others]
  const chairman = chair({ ...QUESTION, everyBallot: false, timeoutMs: 60_000 }, judges)
  const space = await start(t, [chairman, digger, ...judges])
  await space.ask(chairman.decide, null)
  const rows = await space.store.messagesOf({ after: -1, limit: 100 })
  const ends = rows.filter(({ state }) => state !== 'handled')
  assert.deepEqual(
    ends.map(({ envelope, state, reason }) => `${envelope.to}: ${state}, ${reason}`).toSorted(),
    [
      'cat: cancelled, given up by the asker',
      'dan: cancelled, given up by the asker',
      'digger: cancelled, given up by the asker',
    ],
  )
  assert.deepEqual(ended.seen.map(String).toSorted(), ['cat', 'dan', 'digger'])
  await verified(space)
})

test('who was given up in a turn that crashed before its commit is cancelled when the turn is run again', async (t) => {
  const url = tempUrl(t)
  const slow = judge('cat', () => never<Vote>())
  const judges = [says('ann', 'approve'), says('ben', 'approve'), slow]
  const steps = recorder()
  let held = gate()
  const reached = gate()
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, async (turn) => {
      const electorate = judges.map((one) => one.judge)
      const { outcome } = await turn.decide({ ...QUESTION, everyBallot: false, electorate })
      await turn.step('note', () => steps.note(outcome))
      reached.open()
      await held.opened
    }),
  })
  const one = await start(t, [chairman, ...judges], { url })
  const id = await one.send(chairman.decide, null)
  await reached.opened
  const asked = await one.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 3 })
  const question = asked.find(({ envelope }) => envelope.to === 'cat')
  await one.close()
  held = gate()
  held.open()
  const two = await start(t, [chairman, ...judges], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(steps.seen, ['approve'])
  assert.equal((await two.store.message(question?.envelope.id ?? ''))?.state, 'cancelled')
  await verified(two)
})

test('a turn that is run again closes its vote at the same answer, and finds the same certificate', async (t) => {
  const url = tempUrl(t)
  const judges = [
    says('ann', 'approve'),
    says('ben', 'approve'),
    says('cat', 'reject'),
    says('dan', 'reject'),
  ]
  const seen = recorder()
  const held = gate()
  const decided = gate()
  const make = (wait: boolean): Chair =>
    agent('chair', {
      decide: on({ input: nothing, retry: ONCE }, async (turn) => {
        const options = { ...QUESTION, everyBallot: false, rule: threshold(1, 4, { onTie: 'first' }) }
        const decision = await turn.decide({ ...options, electorate: judges.map((one) => one.judge) })
        seen.note(decision.certificate)
        await turn.sleep(1)
        decided.open()
        if (wait) await held.opened
        return decision
      }),
    })
  const one = await start(t, [make(true), ...judges], { url })
  const id = await one.sendTo('chair', 'decide', null)
  await decided.opened
  await one.close()
  const two = await start(t, [make(false), ...judges], { url })
  await untilState(two, id, 'handled')
  const [kept] = await two.store.decisions(null, 10)
  const [first, ...others] = seen.seen
  assert.ok(others.length > 0)
  for (const other of others) assert.deepEqual(other, first)
  assert.deepEqual(JSON.parse(kept?.certificate ?? ''), first)
})

test('weights, a veto, families and a tie policy go from the rule into the certificate', async (t) => {
  const [ann, ben, cat] = ['ann', 'ben', 'cat'].map((name) =>
    agent(name, {
      judge: vote(() => ({
        choice: name === 'cat' ? 'reject' : 'approve',
        reason: '',
        family: `of ${name}`,
      })),
    }),
  )
  assert.ok(ann && ben && cat)
  const electorate = [{ ref: ann.judge, weight: 3 }, ben.judge, cat.judge]
  const ask = (rule: Rule, otherwise?: string): DecideOptions => ({
    ...QUESTION,
    rule,
    electorate,
    ...(otherwise !== undefined && { otherwise }),
  })
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, async (turn) => [
      await turn.decide(ask(supermajority(4, 5, { families: 2 }))),
      await turn.decide(ask(majority({ families: 3 }))),
      await turn.decide(ask(majority({ veto: ['cat'] }), 'reject')),
      await turn.decide({ ...ask(approval(1, 2)), options: ['approve', 'reject', 'wait'] }),
      await turn.decide({ ...ask(ranked()), options: ['approve', 'reject', 'wait'] }),
    ]),
  })
  const space = await start(t, [chairman, ann, ben, cat])
  const decisions = await space.ask(chairman.decide, null)
  const told = decisions.map(({ certificate: { tally, outcome } }) => [outcome, tally.why, tally.otherwise])
  assert.deepEqual(told, [
    ['approve', undefined, undefined],
    ['none', 'families', undefined],
    ['reject', 'veto', true],
    ['approve', undefined, undefined],
    ['approve', undefined, undefined],
  ])
  assert.deepEqual(decisions[0]?.certificate.tally.counts, { approve: 4, reject: 1, abstain: 0, silent: 0 })
  for (const { certificate } of decisions) assert.equal((await verdict(space, certificate)).ok, true)
})

test('what a member answers that is no ballot of its own for this vote is refused by name, in the log', async (t) => {
  const ann = says('ann', 'approve')
  const taken: unknown[] = []
  const eve = agent('eve', { judge: on({ input: z.unknown() }, () => taken.shift() ?? null) })
  const asked = { ...QUESTION, timeoutMs: 5_000 }
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.decide({ ...asked, electorate: [ann.judge, eve.judge as unknown as typeof ann.judge] }),
    ),
  })
  const elsewhere = await decide(t, QUESTION, [ann])
  const space = await start(t, [chairman, ann, eve])
  const before = await space.ask(chairman.decide, null)
  const [other] = elsewhere.decision.certificate.ballots
  const [old] = before.certificate.ballots
  assert.ok(other !== undefined && old !== undefined)
  taken.push(other, old, { ...old, ballot: { ...old.ballot, member: 'mallory' } }, 'yes')
  // Of another space, the key is another too. What ann signed for an earlier decision is for no other.
  const expected = ['wrong-key', 'wrong-decision', 'not-a-member', 'malformed']
  for (const problem of expected) {
    const { certificate } = await space.ask(chairman.decide, null)
    assert.equal(certificate.ballots.length, 1, problem)
    assert.equal(certificate.tally.counts['silent'], 1, problem)
    assert.equal((await verdict(space, certificate)).ok, true)
    const records = await space.store.records(0, 500)
    const told = `refuses what eve answered, a ballot: ${problem}`
    assert.ok(
      records.some(({ detail }) => detail?.includes(told)),
      problem,
    )
  }
})

test('what is put to a vote is what it was then, though the handler changes it meanwhile', async (t) => {
  const ann = says('ann', 'approve')
  const chairman = agent('chair', {
    decide: on({ input: nothing, retry: ONCE }, async (turn) => {
      const subject = { change: 7 }
      const options = ['approve', 'reject']
      const decided = turn.decide({ ...QUESTION, subject, options, electorate: [ann.judge] })
      subject.change = 8
      options.push('later')
      const { certificate } = await decided
      subject.change = 9
      return certificate
    }),
  })
  const space = await start(t, [chairman, ann])
  const certificate = await space.ask(chairman.decide, null)
  assert.deepEqual(certificate.proposal.subject, { change: 7 })
  assert.deepEqual(certificate.proposal.options, ['approve', 'reject'])
  assert.equal((await verdict(space, certificate)).ok, true)
})

test('a vote ends at the earlier of its deadline and its time', async (t) => {
  const judges = [says('ann', 'approve'), judge('cat', () => never<Vote>())]
  for (const limits of [
    { deadline: Date.now() + 100, timeoutMs: 9_000 },
    { deadline: Date.now() + 9_000, timeoutMs: 100 },
  ]) {
    const from = performance.now()
    const { decision } = await decide(t, { ...QUESTION, ...limits }, judges)
    assert.equal(decision.outcome, 'none')
    assert.ok(performance.now() - from < 5_000)
  }
})

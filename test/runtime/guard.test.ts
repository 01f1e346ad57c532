import assert from 'node:assert/strict'
import { z } from 'zod'
import { action, agent, CoterieError, guard, majority, on, person, unanimity, vote } from '../../src/index.ts'
import type {
  Agent,
  AnyAgent,
  Certificate,
  DecideOptions,
  Decision,
  Guarded,
  Handler,
  RiskPolicy,
  Space,
  Turn,
} from '../../src/index.ts'
import type { CouncilRef } from '../../src/open-council.ts'
import { ONCE, nothing, recorder, start, tempUrl, test, untilState } from './helpers.ts'

const transfer = z.object({ to: z.string(), cents: z.int() })
type Transfer = z.infer<typeof transfer>
type Risk = 'low' | 'medium' | 'high' | 'huge'

const alice = person('alice')
const says = (name: string, choice: string): Agent<{ readonly judge: Handler<never, never> }> =>
  agent(name, { judge: vote(() => ({ choice, reason: '' })) }) as never
const [ann, ben, nay] = [says('ann', 'approve'), says('ben', 'approve'), says('nay', 'reject')]
assert.ok(ann && ben && nay)

/** A council that cannot be asked; test/council/decide.test.ts has one that can. */
const away: CouncilRef = {
  name: 'board',
  open: () => Promise.reject(new CoterieError('COTERIE_COUNCIL_UNREADY', 'It is away.')),
  wait: () => Promise.reject(new Error('nothing was asked')),
}

/** What was paid, and an action that pays. */
function payments(policy: Partial<RiskPolicy<Transfer, Risk>['ways']> = {}) {
  const paid = recorder()
  const pay = guard(
    action('pay', transfer, (args: Transfer) => {
      paid.note(args)
      return `paid ${args.cents}`
    }),
    {
      risk: ({ cents }: Transfer): Risk =>
        cents < 10 ? 'low' : cents < 100 ? 'medium' : cents < 1_000 ? 'high' : 'huge',
      ways: {
        low: { by: 'alone' },
        medium: { by: 'vote', electorate: [ann.judge, ben.judge], rule: majority() },
        high: { by: 'person', ask: alice, timeoutMs: 20_000 },
        huge: { by: 'council', council: away },
        ...policy,
      },
    },
  )
  return { paid, pay }
}

type Clerk = Agent<{ readonly pay: Handler<Transfer, string> }>

function clerk(pay: Guarded<Transfer, string>): Clerk {
  return agent('clerk', { pay: on({ input: transfer, retry: ONCE }, (turn, args) => pay(turn, args)) })
}

/** The code of the error that a question failed with. */
async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
    return 'none'
  } catch (error) {
    const { cause, code } = error as { readonly cause?: { readonly code?: string }; readonly code?: string }
    return cause?.code ?? code ?? 'unknown'
  }
}

const to = (cents: number): Transfer => ({ to: 'carol', cents })

test('the risk says how an action is decided: alone, by a vote, by a person, by a council', async (t) => {
  const { paid, pay } = payments()
  const one = clerk(pay)
  const space = await start(t, [one, ann, ben, alice])
  assert.equal(await space.ask(one.pay, to(1)), 'paid 1')
  assert.equal((await space.store.decisions(null, 9)).length, 0)
  assert.equal(await space.ask(one.pay, to(50)), 'paid 50')
  assert.equal((await space.store.decisions(null, 9)).length, 1)
  const answer = space.ask(one.pay, to(500), { timeoutMs: 20_000 })
  await approve(space, 'approve')
  assert.equal(await answer, 'paid 500')
  assert.equal(await codeOf(space.ask(one.pay, to(5_000))), 'COTERIE_STEP_FAILED')
  assert.deepEqual(paid.seen, [to(1), to(50), to(500)])
})

test('what is rejected, or decided by nobody, does not run', async (t) => {
  const { paid, pay } = payments({
    low: { by: 'vote', electorate: [ann.judge, nay.judge], rule: majority() },
    medium: { by: 'person', ask: alice, timeoutMs: 60 },
  })
  const one = clerk(pay)
  const space = await start(t, [one, ann, nay, alice])
  assert.equal(await codeOf(space.ask(one.pay, to(1))), 'COTERIE_NOT_APPROVED')
  assert.equal(await codeOf(space.ask(one.pay, to(50))), 'COTERIE_NOT_APPROVED')
  const answer = codeOf(space.ask(one.pay, to(500), { timeoutMs: 20_000 }))
  await approve(space, 'reject')
  assert.equal(await answer, 'COTERIE_NOT_APPROVED')
  assert.deepEqual(paid.seen, [])
})

/** A decision on a subject, as anybody may have it made. */
async function decided(space: Space, options: Asked): Promise<Decision> {
  decisionWanted = options
  return (await space.askTo('chair', 'decide', null)) as Decision
}
type Asked = Omit<DecideOptions, 'question'> & { readonly question?: string }
let decisionWanted: Asked | undefined
const chair = agent('chair', {
  decide: on({ input: nothing, retry: ONCE }, (turn) => {
    assert.ok(decisionWanted)
    return turn.decide({ question: 'Run pay?', ...decisionWanted })
  }),
})

/** An agent that runs what it is handed, with the certificate that comes along. */
function teller(pay: Guarded<Transfer, string>): AnyAgent {
  return agent('teller', {
    pay: on({ input: z.object({ args: transfer, certificate: z.unknown() }), retry: ONCE }, (turn, asked) =>
      pay(turn, asked.args, { decision: asked.certificate as Certificate }),
    ),
  })
}

test('approve X and run Y is refused, whatever differs, and X itself runs once', async (t) => {
  const { paid, pay } = payments()
  const space = await start(t, [chair, teller(pay), ann, ben, nay, alice])
  const terms = { electorate: [ann.judge, ben.judge], rule: majority() }
  const x = { action: 'pay', arguments: to(50) }
  const run = (certificate: unknown, args = to(50)): Promise<string> =>
    codeOf(space.askTo('teller', 'pay', { args, certificate }))
  const good = await decided(space, { ...terms, subject: x })
  assert.equal(good.outcome, 'approve')
  assert.equal(await run(good.certificate, to(51)), 'COTERIE_NOT_APPROVED')
  assert.equal(await run(good.certificate, { to: 'mallory', cents: 50 }), 'COTERIE_NOT_APPROVED')
  const wrong = [
    { ...terms, subject: { ...x, action: 'give' } },
    { ...terms, subject: { ...x, note: 'x' } },
    { ...terms, subject: x, rule: unanimity() },
    { ...terms, subject: x, question: 'Is it raining?' },
    { ...terms, subject: x, electorate: [ann.judge] },
    { ...terms, subject: x, electorate: [{ ref: ann.judge, weight: 2 }, ben.judge] },
    { ...terms, subject: x, electorate: [ann.judge, ben.judge, nay.judge] },
    { ...terms, subject: x, options: ['approve', 'never'] },
    { electorate: [ann.judge, nay.judge], rule: majority(), subject: x, otherwise: 'approve' },
  ]
  for (const options of wrong) {
    const { certificate } = await decided(space, options)
    assert.equal(await run(certificate), 'COTERIE_NOT_APPROVED', JSON.stringify(options.subject))
  }
  const forged = {
    ...good.certificate,
    proposal: { ...good.certificate.proposal, subject: { ...x, arguments: to(51) } },
  }
  assert.equal(await run(forged, to(51)), 'COTERIE_NOT_APPROVED')
  for (const junk of [null, {}, 'yes', { ...good.certificate, ballots: [] }]) {
    const code = await run(junk)
    assert.ok(code !== 'none', JSON.stringify(junk))
  }
  assert.deepEqual(paid.seen, [])
  assert.equal(await run(good.certificate), 'none')
  assert.equal(await run(good.certificate), 'COTERIE_APPROVAL_USED')
  assert.deepEqual(paid.seen, [to(50)])
})

test('an approval only by what was to hold otherwise does not let anything run', async (t) => {
  const { paid, pay } = payments({
    medium: { by: 'vote', electorate: [ann.judge, nay.judge], rule: majority() },
  })
  const space = await start(t, [chair, teller(pay), ann, nay, alice])
  const subject = { action: 'pay', arguments: to(50) }
  const { certificate, outcome } = await decided(space, {
    electorate: [ann.judge, nay.judge],
    rule: majority(),
    subject,
    otherwise: 'approve',
  })
  assert.equal(outcome, 'approve')
  const code = await codeOf(space.askTo('teller', 'pay', { args: to(50), certificate }))
  assert.equal(code, 'COTERIE_NOT_APPROVED')
  assert.deepEqual(paid.seen, [])
})

test('two turns with one decision at the same moment: the action runs in one of them', async (t) => {
  const { paid, pay } = payments()
  const tellers = agent('tellers', {
    pay: on(
      { input: z.object({ args: transfer, certificate: z.unknown() }), retry: ONCE, stale: 'accept' },
      (turn, asked) => pay(turn, asked.args, { decision: asked.certificate as Certificate }),
    ),
  })
  const space = await start(t, [chair, tellers, ann, ben, alice])
  const subject = { action: 'pay', arguments: to(50) }
  const { certificate } = await decided(space, {
    electorate: [ann.judge, ben.judge],
    rule: majority(),
    subject,
  })
  const codes = await Promise.all(
    ['1', '2', '3', '4'].map((key) =>
      codeOf(space.askTo(`tellers/${key}`, 'pay', { args: to(50), certificate })),
    ),
  )
  assert.deepEqual(codes.toSorted(), [
    'COTERIE_APPROVAL_USED',
    'COTERIE_APPROVAL_USED',
    'COTERIE_APPROVAL_USED',
    'none',
  ])
  assert.deepEqual(paid.seen, [to(50)])
})

test('what runs is what was approved, though the caller changes its arguments meanwhile', async (t) => {
  const { paid, pay } = payments()
  const sly = agent('sly', {
    pay: on({ input: nothing, retry: ONCE }, (turn) => {
      const args = to(500)
      const result = pay(turn, args)
      args.to = 'mallory'
      return result
    }),
  })
  const space = await start(t, [sly, alice])
  const answer = space.ask(sly.pay, null, { timeoutMs: 20_000 })
  await approve(space, 'approve')
  await answer
  assert.deepEqual(paid.seen, [to(500)])
})

test('a guarded action that waits for a person survives a restart, asks once and runs once', async (t) => {
  const url = tempUrl(t)
  const { paid, pay } = payments()
  const one = await start(t, [clerk(pay), alice], { url })
  const id = await one.sendTo('clerk', 'pay', to(500))
  for (;;) {
    if ((await one.approvals()).length > 0) break
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await one.close()
  const two = await start(t, [clerk(pay), alice], { url })
  assert.equal((await two.approvals()).length, 1)
  await approve(two, 'approve')
  await untilState(two, id, 'handled')
  await two.close()
  const three = await start(t, [clerk(pay), alice], { url })
  await three.idle()
  assert.deepEqual(paid.seen, [to(500)])
})

test('a policy without a way for the risk, and a turn that is none, let nothing run', async (t) => {
  const { paid, pay } = payments()
  await assert.rejects(pay({} as Turn, to(1)), { code: 'COTERIE_INVALID_ARGUMENT' })
  const odd = guard(
    action('pay', transfer, () => 'paid'),
    { risk: () => 'toString' as 'low', ways: { low: { by: 'alone' } } },
  )
  const one = clerk(odd)
  const space = await start(t, [one])
  assert.equal(await codeOf(space.ask(one.pay, to(1))), 'COTERIE_NOT_APPROVED')
  assert.throws(() => action('', transfer, () => ''), { code: 'COTERIE_INVALID_DEFINITION' })
  assert.deepEqual(paid.seen, [])
})

async function approve(space: Space, choice: string): Promise<void> {
  for (;;) {
    const [waiting] = await space.approvals()
    if (waiting !== undefined) {
      await space.answer(waiting.id, { choice, reason: 'seen' })
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

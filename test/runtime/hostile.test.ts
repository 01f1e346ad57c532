/** What programs hand over by mistake: refused by name, and never in the log in a form that does not verify. */

import assert from 'node:assert/strict'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, majority, on, open, person, vote } from '../../src/index.ts'
import type { AnyAgent, Turn } from '../../src/index.ts'
import { code, ONCE, start, test, text } from './helpers.ts'

const voter = agent('voter', { judge: vote(() => ({ choice: 'approve', reason: '' })) })
const electorate = [voter.judge] as const
const asked = { question: 'Well?', electorate, rule: majority() }

/** Calls that a turn refuses, and the code that it gives. */
const REFUSED: Readonly<Record<string, readonly [string, (turn: Turn) => unknown]>> = {
  'a stream without a name is read': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.read('')],
  'a stream with a broken name is read': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.read('a\ud800')],
  'a stream with a long name is read': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.read('s'.repeat(201))],
  'a stream without a name is appended to': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.append('', 'x', 1)],
  'an own stream is appended to': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.append('@guard/x', 'x', 1)],
  'an event without a type': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.append('x', '', 1)],
  'a step with a negative timeout': [
    'COTERIE_INVALID_ARGUMENT',
    (turn) => turn.step('s', () => 1, { timeoutMs: -1 }),
  ],
  'a step whose timeout is no number': [
    'COTERIE_INVALID_ARGUMENT',
    (turn) => turn.step('s', () => 1, { timeoutMs: Number.NaN }),
  ],
  'a vote without time': ['COTERIE_INVALID_ARGUMENT', (turn) => turn.decide({ ...asked, timeoutMs: 0 })],
  'a commitment without time': [
    'COTERIE_INVALID_ARGUMENT',
    (turn) => turn.decide({ ...asked, sealed: { commitMs: -1 } }),
  ],
  'a question that is too long': [
    'COTERIE_INVALID_ARGUMENT',
    (turn) => turn.decide({ ...asked, question: 'q'.repeat(2_000_000) }),
  ],
  'a subject with a fraction': [
    'COTERIE_INVALID_ARGUMENT',
    (turn) => turn.decide({ ...asked, subject: { share: 0.5 } }),
  ],
}

test('what a turn is handed by mistake is refused by name, and the log verifies', async (t) => {
  const tester = agent('tester', {
    go: on({ input: text, retry: ONCE }, async (turn, name) => {
      turn.reason(`broken \ud800 ${name}`)
      await REFUSED[name]?.[1](turn)
      return 'accepted'
    }),
  })
  const space = await start(t, [tester, voter])
  for (const [name, [expected]] of Object.entries(REFUSED)) {
    const answer = await space.askSettled(tester.go, name)
    assert.equal(answer.ok ? 'accepted' : answer.error.code, expected, name)
  }
  await space.idle()
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  assert.deepEqual(report.fault, undefined)
})

test('a fraction in a subject is named by its place', async (t) => {
  const tester = agent('tester', {
    go: on({ input: text, retry: ONCE }, (turn) => turn.decide({ ...asked, subject: { share: 0.5 } })),
  })
  const space = await start(t, [tester, voter])
  const answer = await space.askSettled(tester.go, '')
  assert.match(
    answer.ok ? '' : answer.error.message,
    /no canonical form: the value at "\/proposal\/subject\/share"/,
  )
})

test('an open space refuses times and limits that are none, and says which', async (t) => {
  const space = await start(t, [agent('sink', { take: on({ input: text }, () => null) }), person('alice')])
  const refused = code('COTERIE_INVALID_ARGUMENT')
  await assert.rejects(
    space.sendTo('sink', 'take', '', { timeoutMs: 0.5 }),
    code('COTERIE_INVALID_ARGUMENT', /not 0\.5/),
  )
  for (const limit of [0, -1, 0.5, Number.NaN]) {
    await assert.rejects(space.dead(limit), refused)
    await assert.rejects(space.approvals({ limit }), refused)
  }
})

test('open refuses what are no agents and what is no URL', async () => {
  for (const agents of [[{}], [null], 'agents', {}] as unknown as readonly (readonly AnyAgent[])[]) {
    await assert.rejects(open('sqlite::memory:', { agents }), code('COTERIE_INVALID_DEFINITION'))
  }
  await assert.rejects(open(undefined as unknown as string), code('COTERIE_INVALID_ARGUMENT'))
})

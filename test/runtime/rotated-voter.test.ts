import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, majority, on, vote } from '../../src/index.ts'
import { gate, number, recordsOf, start, tempUrl } from './helpers.ts'
import { z } from 'zod'

const outcome = z.object({ outcome: z.string(), silent: z.number() })

test('a member whose key is rotated before it has voted is silent, and the log says why and what to do', async (t) => {
  const url = tempUrl(t)
  const [asked, go] = [gate(), gate()]
  let questions = 0
  const slow = agent('slow', {
    judge: vote(async () => {
      questions += 1
      asked.open()
      await go.opened
      return { choice: 'approve', reason: 'fine' }
    }),
  })
  const quick = agent('quick', { judge: vote(() => ({ choice: 'approve', reason: 'fine' })) })
  const chair = agent('chair', {
    decide: on({ input: number, output: outcome }, async (turn) => {
      const electorate = [slow.judge, quick.judge]
      const decision = await turn.decide({
        question: 'Go on?',
        electorate,
        rule: majority(),
        everyBallot: true,
      })
      return { outcome: decision.outcome, silent: decision.certificate.tally.counts['silent'] ?? 0 }
    }),
  })
  await using worker = await start(t, [slow, quick, chair], { url })
  const deciding = worker.ask(chair.decide, 1)
  await asked.opened
  await worker.rotateKey('slow')
  go.open()
  assert.deepEqual(await deciding, { outcome: 'none', silent: 1 })
  assert.equal(questions, 1, 'what is wrong with the question stays wrong, so it is not judged again')

  const records = await recordsOf(worker)
  const reasons = records.flatMap(({ body, detail }) =>
    body.author === 'chair' ? (detail?.reasons ?? []) : [],
  )
  assert.match(
    reasons.join('\n'),
    /slow did not vote: its key was rotated after it was asked; a new decision/,
  )
  const errors = records.flatMap(({ body, detail }) =>
    body.author === 'slow' ? [JSON.stringify(detail)] : [],
  )
  assert.match(errors.join('\n'), /COTERIE_KEY_ROTATED/)
  assert.deepEqual(await worker.ask(chair.decide, 2), { outcome: 'approve', silent: 0 })
})

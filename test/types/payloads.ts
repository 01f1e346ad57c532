/**
 * Compile-time facts: the compiler checks this file with the rest, and it is never run. An error that is
 * expected and does not come is an error itself.
 */
import { z } from 'zod'
import { agent, on, topic, vote } from '../../src/index.ts'
import type { Certificate, Settled, Space } from '../../src/index.ts'

/** True when both are the same but for the order of their members; never for the type that fits everything. */
type Equal<A, B> = 0 extends 1 & A ? false : [A, B] extends [B, A] ? true : false
const holds = (_fact: true): void => undefined

const releases = topic('releases', z.object({ version: z.string() }))

const reviewer = agent('reviewer', {
  review: on(
    {
      input: z.object({ name: z.string(), depth: z.number().default(1) }),
      output: z.object({ verdict: z.enum(['ok', 'risky']), at: z.string().transform(Number) }),
    },
    (turn, pkg) => {
      holds(true satisfies Equal<typeof pkg, { name: string; depth: number }>)
      turn.reply({ verdict: 'ok', at: '1' })
      // @ts-expect-error a reply has the type of the output schema's input
      turn.reply({ verdict: 'fine', at: '1' })
      return { verdict: 'ok', at: '1' }
    },
  ),
  count: on({ input: z.string() }, (_turn, word) => word.length),
  released: on({ topic: releases }, (turn, release) => {
    holds(true satisfies Equal<typeof release, { version: string }>)
    // @ts-expect-error the payload of a topic is checked
    turn.publish(releases, { version: 1 })
    turn.publish(releases, { version: '1' })
  }),
  judge: vote((_turn, { options }) => ({ choice: options[0] ?? 'abstain', reason: '' })),
})

/** What callers from outside may write. */
export async function outside(space: Space): Promise<void> {
  const answer = await space.ask(reviewer.review, { name: 'left-pad' })
  holds(true satisfies Equal<typeof answer, { verdict: 'ok' | 'risky'; at: number }>)
  const length = await space.ask(reviewer.count, 'word')
  holds(true satisfies Equal<typeof length, number>)
  const settled = await space.askSettled(reviewer.count, 'word')
  holds(true satisfies Equal<typeof settled, Settled<number>>)

  // @ts-expect-error `name` is missing
  await space.ask(reviewer.review, {})
  // @ts-expect-error `name` is a string
  await space.send(reviewer.review, { name: 1 })
  // @ts-expect-error a string is wanted
  await space.send(reviewer.count, 1)
  // @ts-expect-error there is no such handler
  await space.send(reviewer.reviews, { name: 'left-pad' })
  // @ts-expect-error the payload of a topic is checked
  await space.publish(releases, { version: 1 })
  // @ts-expect-error a timeout is a number
  await space.send(reviewer.count, 'word', { timeoutMs: '1' })
}

agent('caller', {
  call: on({ input: z.null() }, async (turn) => {
    const answer = await turn.ask(reviewer.review, { name: 'left-pad', depth: 2 })
    holds(true satisfies Equal<typeof answer, { verdict: 'ok' | 'risky'; at: number }>)
    const settled = await turn.askSettled(reviewer.count, 'word')
    if (settled.ok) holds(true satisfies Equal<typeof settled.value, number>)
    // @ts-expect-error a string is wanted
    turn.send(reviewer.count, 1)
    // @ts-expect-error a string is wanted
    await turn.ask(reviewer.count, { word: 1 })
    // @ts-expect-error an ask is not delayed
    await turn.ask(reviewer.count, 'word', { delayMs: 1 })
    const made = await turn.step('make', () => ({ a: 1 }), {
      undo: (result) => {
        holds(true satisfies Equal<typeof result, { a: number } | undefined>)
      },
    })
    holds(true satisfies Equal<typeof made, { a: number }>)
    const decision = await turn.decide({
      question: 'merge?',
      electorate: [reviewer.judge, { ref: reviewer.judge, key: 'second' }],
      rule: { type: 'majority' },
    })
    const { certificate } = decision
    holds(true satisfies Equal<typeof certificate, Certificate>)
    await turn.decide({
      question: 'merge?',
      // @ts-expect-error only handlers made by `vote` may vote
      electorate: [reviewer.count],
      rule: { type: 'majority' },
    })
  }),
})

// @ts-expect-error a handler with an output answers with it
agent('liar', { lie: on({ input: z.null(), output: z.number() }, () => 'one') })
// @ts-expect-error a handler needs a schema or a topic
agent('blind', { see: on({}, () => 1) })
// @ts-expect-error there are three failure policies
agent('unsure', { fail: on({ input: z.null(), failure: 'panic' }, () => 1) })

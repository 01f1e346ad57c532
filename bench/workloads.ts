/**
 * W1 hop, W2 ask, W3 fan-out: the same work that the peers were measured with. Payloads of 256 bytes, every commit
 * durable, every record signed. Each takes an empty database.
 *
 * @module
 */

import { z } from 'zod'
import { agent, on, open } from '../src/index.ts'
import type { Space } from '../src/index.ts'
import { ascending, payload, quantile } from './statistics.ts'

const body = z.object({ i: z.number(), body: z.string() })

/** A database, and where the keys are when it has no place for them itself. */
export interface Place {
  readonly url: string
  readonly keyring?: string
}

/**
 * W1: `messages` from A to B, `inFlight` sends outstanding; B durably sends one to C; counted when C handled
 * it. Once to warm up, then `rounds` times; the rate is the median, and all are told.
 */
export async function hop(
  place: Place,
  messages = 10_000,
  inFlight = 64,
  rounds = 3,
): Promise<{ perSecond: number; rounds: readonly number[] }> {
  let toCome = 0
  let finished: () => void = () => undefined
  const c = agent('c', {
    take: on({ input: body }, () => {
      toCome -= 1
      if (toCome === 0) finished()
    }),
  })
  const b = agent('b', {
    relay: on({ input: body }, (turn, message) => {
      turn.send(c.take, message)
    }),
  })
  await using space = await open(place.url, { ...keys(place), agents: [b, c] })
  const run = async (): Promise<number> => {
    toCome = messages
    const all = new Promise<void>((resolve) => {
      finished = resolve
    })
    const start = performance.now()
    await senders(messages, inFlight, (i) => space.send(b.relay, payload(i)))
    await all
    await space.idle()
    return (messages / (performance.now() - start)) * 1000
  }
  // The first thousands of messages run in code that V8 has not compiled yet, and in a log that still grows.
  await run()
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) rates.push(await run())
  return { perSecond: quantile(ascending(rates), 0.5), rounds: rates }
}

/** W2: sequential asks, then `inFlight` at a time. */
export async function ask(
  place: Place,
  sequential = 2_000,
  concurrent = 10_000,
  inFlight = 64,
): Promise<{ p50Ms: number; p99Ms: number; perSecond: number }> {
  const answerer = agent('answerer', { echo: on({ input: body, output: body }, (_turn, message) => message) })
  await using space = await open(place.url, { ...keys(place), agents: [answerer] })
  const question = (i: number): Promise<unknown> => space.ask(answerer.echo, payload(i))
  for (let i = 0; i < 300; i++) await question(i)
  const samples: number[] = []
  for (let i = 0; i < sequential; i++) {
    const start = performance.now()
    await question(i)
    samples.push(performance.now() - start)
  }
  const sorted = ascending(samples)
  const start = performance.now()
  await senders(concurrent, inFlight, question)
  const perSecond = (concurrent / (performance.now() - start)) * 1000
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), perSecond }
}

/** W3: one message to each of `recipients` agents, `rounds` times. */
export async function fanOut(place: Place, recipients = 100, rounds = 100): Promise<{ perSecond: number }> {
  let seen = 0
  let finished: () => void = () => undefined
  const all = new Promise<void>((resolve) => {
    finished = resolve
  })
  const handlers = {
    take: on({ input: body }, () => {
      seen += 1
      if (seen === recipients * rounds) finished()
    }),
  }
  const agents = Array.from({ length: recipients }, (_, i) => agent(`r${i}`, handlers))
  const source = agent('source', {
    spread: on({ input: body }, (turn, message) => {
      for (const recipient of agents) turn.send(recipient.take, message)
    }),
  })
  await using space: Space = await open(place.url, { ...keys(place), agents: [source, ...agents] })
  const start = performance.now()
  for (let i = 0; i < rounds; i++) await space.send(source.spread, payload(i))
  await all
  await space.idle()
  return { perSecond: ((recipients * rounds) / (performance.now() - start)) * 1000 }
}

function keys({ keyring }: Place): { readonly keyring?: string } {
  return keyring === undefined ? {} : { keyring }
}

async function senders(
  count: number,
  inFlight: number,
  send: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) {
      const i = next
      next += 1
      await send(i)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
}

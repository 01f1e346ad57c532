/**
 * The three workloads, for any queue: the same work and the same payloads as `../workloads.ts` gives Coterie. Each
 * ends after `CAP_MS` at the latest; the rate is then that of what was done.
 */

const CAP_MS = 20_000
const IN_FLIGHT = 64

/** A payload of exactly 256 bytes of JSON. */
export function payload(i) {
  const bare = JSON.stringify({ i, body: '' }).length
  return { i, body: 'x'.repeat(256 - bare) }
}

/** Counts deliveries, each once. */
export class Sink {
  #seen = new Set()
  #goal
  #reached
  /** When the last was handled. */
  endedAt
  repeated = 0

  constructor(goal) {
    this.#goal = goal
    this.done = new Promise((resolve) => {
      this.#reached = resolve
    })
  }

  get count() {
    return this.#seen.size
  }

  hit(key) {
    if (this.#seen.has(key)) {
      this.repeated += 1
      return
    }
    this.#seen.add(key)
    if (this.#seen.size < this.#goal) return
    this.endedAt = performance.now()
    this.#reached()
  }
}

/** W1: `messages` single sends, 64 outstanding; the queue relays each once; counted when it has come through. */
export async function hop(send, sink, messages) {
  const start = performance.now()
  const stop = new AbortController()
  const senders = spread(messages, stop.signal, (i) => send(payload(i)))
  const ended = await within(sink.done, senders)
  stop.abort()
  return rate(sink, ended, start)
}

/** W2: question after question, then 64 at a time. */
export async function ask(question, sequential, concurrent) {
  for (let i = 0; i < 20; i++) await question(payload(i))
  const samples = []
  const cap = performance.now() + CAP_MS
  for (let i = 0; i < sequential && performance.now() < cap; i++) {
    const start = performance.now()
    await question(payload(1_000 + i))
    samples.push(performance.now() - start)
  }
  samples.sort((a, b) => a - b)
  const at = (share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]
  const stop = new AbortController()
  let answered = 0
  const start = performance.now()
  const all = spread(concurrent, stop.signal, async (i) => {
    await question(payload(100_000 + i))
    answered += 1
  })
  await within(all, all)
  stop.abort()
  const perSecond = (answered / (performance.now() - start)) * 1_000
  return { p50Ms: at(0.5), p99Ms: at(0.99), perSecond }
}

/** W3: `rounds` messages, each to all recipients. */
export async function fanOut(publish, sink, rounds) {
  const start = performance.now()
  const stop = new AbortController()
  const publishing = (async () => {
    for (let i = 0; i < rounds && !stop.signal.aborted; i++) await publish(payload(i))
  })()
  const ended = await within(sink.done, publishing)
  stop.abort()
  return rate(sink, ended, start)
}

/** Waits for one of the two at most for a while; a failure of the second is thrown. */
async function within(done, working) {
  let timer
  const cap = new Promise((resolve) => {
    timer = setTimeout(resolve, CAP_MS)
  })
  const failure = working.then(() => new Promise(() => undefined))
  await Promise.race([done, cap, failure])
  clearTimeout(timer)
  return performance.now()
}

function rate(sink, ended, start) {
  const perSecond = (sink.count / ((sink.endedAt ?? ended) - start)) * 1_000
  return { perSecond, handled: sink.count, repeated: sink.repeated, complete: sink.endedAt !== undefined }
}

async function spread(count, signal, act) {
  let next = 0
  const one = async () => {
    while (next < count && !signal.aborted) {
      const i = next
      next += 1
      await act(i)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
}

/**
 * What the agents of a simulation are told to do: each message carries its own script, so what should have
 * happened can be read from the message alone.
 *
 * @module
 */

import type { Prng } from './prng.ts'

/** Whom a message goes to. */
export interface Place {
  readonly agent: string
  readonly key?: string
  readonly handler: HandlerName
}

/** The handlers of every working agent; they differ in how they fail. */
export type HandlerName = 'plain' | 'saga' | 'tolerant' | 'strict' | 'loose'

/** One thing that a turn does. */
export type Op =
  | {
      readonly op: 'send'
      readonly to: Place
      readonly script: Script
      readonly delayMs?: number
      readonly timeoutMs?: number
      readonly idempotencyKey?: string
    }
  | Question
  | { readonly op: 'together'; readonly asks: readonly Question[] }
  | Step
  | { readonly op: 'sleep'; readonly ms: number }
  | { readonly op: 'know' }
  | { readonly op: 'publish'; readonly script: Script; readonly timeoutMs?: number }
  | { readonly op: 'append'; readonly stream: string }
  /** Reads a stream, and appends the next number to it. */
  | { readonly op: 'count'; readonly stream: string }
  /** Reads a stream, and notes elsewhere what it saw. */
  | { readonly op: 'look'; readonly stream: string }
  | { readonly op: 'decide'; readonly sealed: boolean }
  | { readonly op: 'reason' }
  /** Throws in the first attempts. */
  | { readonly op: 'stumble'; readonly attempts: number }
  /** Throws always. */
  | { readonly op: 'poison' }

/** A question; if `strict`, a failed answer fails the turn. */
export interface Question {
  readonly op: 'ask'
  readonly to: Place
  readonly script: Script
  readonly strict: boolean
  readonly timeoutMs?: number
}

/** A step whose effect the outside world counts. */
export interface Step {
  readonly op: 'step'
  readonly name: string
  readonly lastsMs: number
  /** How many of its first runs fail. */
  readonly failures: number
  readonly tries: number
  readonly timeoutMs?: number
  readonly undo: 'none' | 'works' | 'stumbles' | 'fails'
}

/** What one turn does, in order. `id` is its own in the whole run. */
export interface Script {
  readonly id: string
  readonly ops: readonly Op[]
}

/** The agents that work by script. */
export const WORKERS: readonly string[] = ['alpha', 'beta', 'gamma']
/** The same with instances. */
export const KEYED = 'delta'
/** Subscribers of the topic. */
export const READERS: readonly string[] = ['reader', 'watcher']
/** The topic. */
export const TOPIC = 'news'
/** Who votes, and as whom. */
export const JUDGE = 'judge'
export const JUDGES: readonly string[] = ['one', 'two', 'three']

const STREAMS: readonly string[] = ['stock', 'orders']

/** Writes scripts until a number of messages is reached. */
export class ScriptWriter {
  readonly #prng: Prng
  #left: number
  #count = 0

  constructor(prng: Prng, messages: number) {
    this.#prng = prng
    this.#left = messages
  }

  get done(): boolean {
    return this.#left <= 0
  }

  /** An address to send to. */
  place(): Place {
    const prng = this.#prng
    const handler = prng.pick<HandlerName>(['plain', 'plain', 'plain', 'saga', 'tolerant', 'strict', 'loose'])
    const keyed = prng.chance(0.3)
    return keyed
      ? { agent: KEYED, key: prng.pick(['1', '2']), handler }
      : { agent: prng.pick(WORKERS), handler }
  }

  /** A script for a message; deeper ones are shorter. */
  script(depth: number): Script {
    const id = this.#id()
    this.#left -= 1
    const ops: Op[] = []
    const length = this.#prng.between(0, depth === 0 ? 5 : 3)
    for (let i = 0; i < length; i++) {
      const op = this.#op(id, i, depth)
      // A turn does not see its own appends before they are committed: it counts once.
      if (op.op !== 'count' || !ops.some((other) => other.op === 'count')) ops.push(op)
    }
    return { id, ops }
  }

  /** A script for a subscriber, who sends nothing. */
  notice(): Script {
    const id = this.#id()
    this.#left -= 2
    const ops: Op[] = []
    if (this.#prng.chance(0.3)) ops.push({ op: 'stumble', attempts: this.#prng.between(1, 2) })
    if (this.#prng.chance(0.2)) ops.push(this.#step(id, 1))
    if (this.#prng.chance(0.2)) ops.push({ op: 'sleep', ms: this.#prng.between(1, 200) })
    if (this.#prng.chance(0.05)) ops.push({ op: 'poison' })
    return { id, ops }
  }

  #id(): string {
    this.#count += 1
    return `s${this.#count}`
  }

  #op(script: string, index: number, depth: number): Op {
    const prng = this.#prng
    const mayCall = depth < 4 && !this.done
    const roll = prng.number()
    if (roll < 0.2 && mayCall) return this.#send(depth)
    if (roll < 0.36 && mayCall) return this.#question(depth)
    if (roll < 0.42 && mayCall) {
      return { op: 'together', asks: Array.from({ length: prng.between(2, 3) }, () => this.#question(depth)) }
    }
    if (roll < 0.6) return this.#step(script, index)
    if (roll < 0.67) return { op: 'sleep', ms: prng.pick([0, 5, 50, 700]) }
    if (roll < 0.72) return { op: 'know' }
    if (roll < 0.76 && mayCall) {
      const notice = this.notice()
      return prng.chance(0.2)
        ? { op: 'publish', script: notice, timeoutMs: prng.between(20, 2_000) }
        : { op: 'publish', script: notice }
    }
    if (roll < 0.82) return { op: 'append', stream: prng.pick(STREAMS) }
    if (roll < 0.86) return { op: 'count', stream: `${prng.pick(STREAMS)} count` }
    if (roll < 0.89) return { op: 'look', stream: `${prng.pick(STREAMS)} count` }
    if (roll < 0.91 && mayCall) return { op: 'decide', sealed: prng.chance(0.5) }
    if (roll < 0.94) return { op: 'stumble', attempts: prng.between(1, 2) }
    if (roll < 0.955) return { op: 'poison' }
    return { op: 'reason' }
  }

  #send(depth: number): Op {
    const prng = this.#prng
    const script = this.script(depth + 1)
    return {
      op: 'send',
      to: this.place(),
      script,
      ...(prng.chance(0.15) && { delayMs: prng.pick([0, 10, 400]) }),
      ...(prng.chance(0.15) && { timeoutMs: prng.pick([30, 400, 3_000]) }),
      ...(prng.chance(0.15) && { idempotencyKey: `key of ${script.id}` }),
    }
  }

  #question(depth: number): Question {
    const prng = this.#prng
    return {
      op: 'ask',
      to: this.place(),
      script: this.script(depth + 1),
      strict: prng.chance(0.4),
      ...(prng.chance(0.2) && { timeoutMs: prng.pick([30, 400, 3_000]) }),
    }
  }

  #step(script: string, index: number): Step {
    const prng = this.#prng
    return {
      op: 'step',
      name: `${script} ${index}`,
      lastsMs: prng.pick([0, 0, 3, 30, 400]),
      failures: prng.chance(0.2) ? prng.between(1, 2) : 0,
      tries: prng.pick([1, 1, 3]),
      ...(prng.chance(0.1) && { timeoutMs: prng.pick([10, 200]) }),
      undo: prng.pick(['none', 'none', 'works', 'works', 'stumbles', prng.chance(0.2) ? 'fails' : 'works']),
    }
  }
}

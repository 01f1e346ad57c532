/**
 * Defining agents. A definition is also the typed client: `reviewer.review` names a handler together with the
 * types of its payload and reply, so a wrong payload is a compile error at the sender.
 *
 * @module
 */

import { addressOf, CLIENT, isHandlerName, isName, OWNER } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { HandlerEntry } from '../core/record.ts'
import { retryWith } from '../core/retry.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { InputOf, OutputOf, StandardSchema } from '../core/schema.ts'
import type { Turn } from './turn.ts'

/** The handler that makes an agent a person: no worker runs it. */
export const PERSON = 'person'

/** What becomes of a turn whose attempts are used up, or whose error says that trying again is pointless. */
export type FailurePolicy =
  /** The message becomes a dead letter; an asker gets an error. */
  | 'retry'
  /** The message counts as handled; an asker gets the failure as its answer. */
  | 'continue'
  /** The turn's compensations run in reverse, each durably; then as `retry`. */
  | 'rollback'

/** What a turn does when a stream that it read has moved before it could commit. */
export type StalePolicy =
  /** Run again on fresh state (not counted as a failed attempt). */
  | 'retry'
  /** Fail with COTERIE_STALE_READ. */
  | 'fail'
  /** Commit all the same: what was read does not bind. */
  | 'accept'

/** Options of one handler. */
export interface HandlerOptions {
  readonly retry?: Partial<RetryPolicy>
  readonly failure?: FailurePolicy
  readonly stale?: StalePolicy
}

/** A topic: publications of one type, in one order for all subscribers. */
export interface Topic<Input = unknown, Output = Input> {
  readonly topic: string
  readonly input: StandardSchema
  readonly '~types'?: { readonly input: Input; readonly output: Output }
}

/** Names a topic and its payload. Throws COTERIE_INVALID_DEFINITION. */
export function topic<S extends StandardSchema>(name: string, input: S): Topic<InputOf<S>, OutputOf<S>> {
  if (!isName(name))
    throw invalid(`"${name}" is not a topic name: use a letter, then letters, digits, "-" or "_".`)
  return Object.freeze({ topic: name, input })
}

/** A handler, as `on` makes it. Its type arguments are what a sender passes and what an asker gets. */
export interface Handler<Input = unknown, Output = unknown> {
  readonly input: StandardSchema
  readonly output: StandardSchema | undefined
  readonly topic: string | null
  readonly retry: RetryPolicy
  readonly failure: FailurePolicy
  readonly stale: StalePolicy
  /** The function answers with a vote, which is signed and sent as a ballot. */
  readonly ballot: boolean
  readonly run: (turn: Turn, input: never) => unknown
  readonly '~types'?: { readonly input: Input; readonly output: Output }
}

/** Names one handler of one agent: the target of `send` and `ask`. */
export interface HandlerRef<Input = unknown, Output = unknown> {
  readonly agent: string
  readonly handler: string
  readonly definition: Handler<Input, Output>
}

/** An agent: its name, its handlers, and a {@link HandlerRef} under each handler's name. */
export type Agent<H extends Handlers = Handlers> = {
  readonly name: string
  readonly handlers: H
} & { readonly [K in keyof H]: HandlerRef<PayloadOf<H[K]>, ReplyOf<H[K]>> }

/** An agent of any shape. */
export interface AnyAgent {
  readonly name: string
  readonly handlers: Handlers
}

/** Handlers by name. */
export type Handlers = Readonly<Record<string, Handler>>

type PayloadOf<H> = H extends Handler<infer I, unknown> ? I : never
type ReplyOf<H> = H extends Handler<unknown, infer O> ? O : never
type Awaitable<T> = T | Promise<T>
/** What may be answered where T is asked for: read-only values too, so that literals keep their types. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

/**
 * A handler: what it takes, what it answers, and how it fails. Without `output` the reply has the type that the
 * function returns, unchecked at run time.
 *
 * @example
 * ```ts
 * import { agent, on } from 'coterie'
 * import { z } from 'zod'
 * const greeter = agent('greeter', {
 *   greet: on({ input: z.object({ name: z.string() }) }, (_turn, { name }) => `hello ${name}`),
 * })
 * ```
 */
export function on<I extends StandardSchema, O extends StandardSchema, const R extends Frozen<InputOf<O>>>(
  spec: { readonly input: I; readonly output: O } & HandlerOptions,
  run: (turn: Turn<InputOf<O>>, input: OutputOf<I>) => Awaitable<R>,
): Handler<InputOf<I>, OutputOf<O>>
export function on<In, Out, R>(
  spec: { readonly topic: Topic<In, Out> } & HandlerOptions,
  run: (turn: Turn, input: Out) => Awaitable<R>,
): Handler<In, R>
export function on<I extends StandardSchema, R>(
  spec: { readonly input: I } & HandlerOptions,
  run: (turn: Turn<unknown>, input: OutputOf<I>) => Awaitable<R>,
): Handler<InputOf<I>, R>
export function on(
  spec: { input?: StandardSchema; output?: StandardSchema; topic?: Topic } & HandlerOptions,
  run: (turn: never, input: never) => unknown,
): Handler {
  if (typeof spec.topic === 'string')
    throw invalid('A subscriber is made by on({ topic }, ...), not by on(topic, ...).')
  const input = spec.input ?? spec.topic?.input
  if (input === undefined || typeof input['~standard']?.validate !== 'function') {
    throw invalid('A handler needs `input`: a Standard Schema (zod, valibot, arktype ...), or `topic`.')
  }
  return Object.freeze({
    input,
    output: spec.output,
    topic: spec.topic?.topic ?? null,
    retry: retryWith(spec.retry),
    failure: spec.failure ?? 'retry',
    stale: spec.stale ?? 'retry',
    ballot: false,
    run: run as Handler['run'],
  })
}

/**
 * Defines an agent. Throws COTERIE_INVALID_DEFINITION for a name or handler name that cannot be an address.
 */
export function agent<const H extends Handlers>(name: string, handlers: H): Agent<H> {
  if (Object.hasOwn(handlers, PERSON))
    throw invalid(
      `"${PERSON}" is the handler of people; make "${name}" with person(), or rename the handler.`,
    )
  return defineAgent(name, handlers)
}

/** For `agent` and `person`. */
export function defineAgent<const H extends Handlers>(name: string, handlers: H): Agent<H> {
  addressOf(name)
  if (name === OWNER) throw invalid(`The name "${OWNER}" is the space's own; choose another.`)
  if (name === CLIENT) throw invalid(`The name "${CLIENT}" is taken by callers from outside; choose another.`)
  const refs: Record<string, HandlerRef> = {}
  for (const [handler, definition] of Object.entries(handlers)) {
    if (!isHandlerName(handler) || handler === 'name' || handler === 'handlers') {
      throw invalid(
        `"${handler}" cannot be a handler of "${name}": use letters and digits, not "name" or "handlers".`,
      )
    }
    refs[handler] = Object.freeze({ agent: name, handler, definition })
  }
  return Object.freeze({ ...refs, name, handlers }) as unknown as Agent<H>
}

/** The handlers as the log records them. */
export function handlerEntries(definition: AnyAgent): readonly HandlerEntry[] {
  return Object.entries(definition.handlers)
    .map(([name, handler]) => ({ name, topic: handler.topic }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function invalid(message: string): CoterieError {
  return new CoterieError('COTERIE_INVALID_DEFINITION', message)
}

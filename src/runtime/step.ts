/**
 * Steps: run once, recorded before anything else happens.
 *
 * @module
 */

import { CoterieError, errorFromValue, errorValue, isRetryable } from '../core/errors.ts'
import { backoffMs, retryWith } from '../core/retry.ts'
import type { DoneEntry, Recorded } from '../turn/journal.ts'
import type { StepContext, StepOptions, Usage } from '../turn/turn.ts'
import { encode } from './outbox.ts'
import type { StepMark } from './steps-under-way.ts'
import type { TurnEngine } from './turn-engine.ts'
import { onAbort } from './on-abort.ts'

const ONE_TRY = { attempts: 1, firstMs: 100, factor: 3, maxMs: 30_000 }

type StepFunction<T> = (context: StepContext) => T | Promise<T>

/** Gives the recorded result back, or runs the step and records it. */
export async function runStep<T>(
  engine: TurnEngine,
  recorded: Recorded,
  name: string,
  fn: StepFunction<T>,
  options: StepOptions<T>,
): Promise<T> {
  const { timeoutMs = 1 } = options
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      `The timeout of a step is a whole number of milliseconds above 0, not ${timeoutMs}.`,
    )
  }
  const compensation = register(engine, recorded, name, options)
  if (recorded.type === 'done') {
    const { done } = recorded
    await new Promise<void>((resolve) => engine.replay(recorded.i, resolve))
    if (done.error !== undefined) throw failure(engine, recorded.i, errorFromValue(done.error))
    const value = valueOf(done) as T
    if (compensation !== undefined) compensation.result = value
    return value
  }
  if (engine.rollingBack) return new Promise<T>(() => undefined)
  await engine.host.barrier()
  engine.checkLive()
  engine.steps += 1
  const mark = engine.host.context.underWay.mark()
  try {
    if (recorded.type === 'new') engine.effects.entries.push({ t: 'call', i: recorded.i, op: 'step', name })
    // The compensation is durable before the step starts: a crash in the middle of the step is covered.
    if (options.undo !== undefined) await engine.persist(true)
    const done = await tries(engine, recorded, name, fn, options, mark)
    engine.checkLive()
    engine.effects.entries.push(done.entry)
    await engine.persist(false)
    if (done.entry.error !== undefined) throw failure(engine, recorded.i, done.thrown)
    const value = valueOf(done.entry) as T
    if (compensation !== undefined) compensation.result = value
    return value
  } finally {
    mark.end()
    engine.steps -= 1
    engine.checkSoon()
  }
}

function register<T>(engine: TurnEngine, recorded: Recorded, name: string, options: StepOptions<T>) {
  const { undo } = options
  if (undo === undefined) return undefined
  if (engine.rollingBack && recorded.type === 'new') return undefined
  const context = stepContext(engine, `undo ${name}`, recorded.occurrence, 1, engine.signal, {})
  const compensation = {
    i: recorded.i,
    name,
    undo: (result: unknown, signal: AbortSignal) => undo(result as T | undefined, { ...context, signal }),
    result: undefined as unknown,
  }
  engine.compensations.push(compensation)
  return compensation
}

async function tries<T>(
  engine: TurnEngine,
  recorded: Recorded,
  name: string,
  fn: StepFunction<T>,
  options: StepOptions<T>,
  mark: StepMark,
): Promise<{ entry: DoneEntry; thrown: unknown }> {
  const policy = retryWith(options.retry, ONE_TRY)
  const used: Record<string, number> = {}
  for (let attempt = 1; ; attempt++) {
    await mark.begin()
    // A worker whose lease or whose turn is gone finds out here, and not when it has paid.
    await engine.host.confirm()
    engine.checkLive()
    try {
      const value = await oneTry(engine, recorded, name, fn, options, attempt, used)
      const text =
        value === undefined
          ? undefined
          : encode(engine.host.context, value, `The result of step "${name}"`).text
      const usage = Object.keys(used).length > 0 ? { usage: used } : {}
      return {
        entry: { t: 'done', i: recorded.i, ...(text !== undefined && { value: text }), ...usage },
        thrown: undefined,
      }
    } catch (error) {
      engine.checkLive()
      if (attempt < policy.attempts && isRetryable(error)) {
        mark.end()
        await pause(engine, backoffMs(policy, attempt, engine.host.context.random.number()))
        continue
      }
      const thrown = new CoterieError(
        'COTERIE_STEP_FAILED',
        `Step "${name}" failed${attempt > 1 ? ` ${attempt} times` : ''}: ${errorValue(error).message}`,
        {
          cause: error,
          retryable: isRetryable(error),
          details: { step: name, attempts: attempt },
        },
      )
      return { entry: { t: 'done', i: recorded.i, error: errorValue(thrown) }, thrown }
    }
  }
}

async function oneTry<T>(
  engine: TurnEngine,
  recorded: Recorded,
  name: string,
  fn: StepFunction<T>,
  options: StepOptions<T>,
  attempt: number,
  used: Record<string, number>,
): Promise<T> {
  const { timeoutMs } = options
  // Not AbortSignal.any: while somebody listens to such a signal, Node keeps it, and with it the whole turn, for ever.
  const own = new AbortController()
  const { signal } = own
  const part = onAbort(engine.signal, () => own.abort(engine.signal.reason))
  const context = stepContext(engine, name, recorded.occurrence, attempt, signal, used)
  let forget: () => void = () => undefined
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort(signal, () => reject(signal.reason))
    if (timeoutMs === undefined) return
    forget = engine.host.context.clock.setTimer(timeoutMs, () => {
      own.abort(
        new CoterieError('COTERIE_STEP_TIMEOUT', `Step "${name}" took longer than its ${timeoutMs} ms.`, {
          details: { step: name, timeoutMs },
        }),
      )
    })
  })
  try {
    return await Promise.race([Promise.resolve(fn(context)), stopped])
  } finally {
    forget()
    part()
    stopped.catch(() => undefined)
  }
}

function stepContext(
  engine: TurnEngine,
  name: string,
  occurrence: number,
  attempt: number,
  signal: AbortSignal,
  used: Record<string, number>,
): StepContext {
  const { crypto, store } = engine.host.context
  return {
    signal,
    attempt,
    idempotencyKey: crypto.sha256(`${store.id}/${engine.turnId}/${name}/${occurrence}`).slice(0, 40),
    usage: (more: Usage) => {
      for (const [unit, amount] of Object.entries(more)) {
        if (!Number.isSafeInteger(amount) || amount < 0) {
          throw new CoterieError(
            'COTERIE_INVALID_ARGUMENT',
            `Usage is counted in whole numbers; "${unit}" is ${amount}. Count money in a small unit.`,
          )
        }
        used[unit] = (used[unit] ?? 0) + amount
      }
    },
  }
}

/** Waits within a turn, without holding the process and not beyond the turn. */
function pause(engine: TurnEngine, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = engine.host.context.clock.setTimer(ms, () => {
      part()
      resolve()
    })
    const part = onAbort(engine.signal, () => {
      forget()
      reject(engine.signal.reason)
    })
  })
}

/** A result is given back as it was recorded, on the first run too: what a handler sees never depends on a crash. */
function valueOf(done: DoneEntry): unknown {
  return done.value === undefined ? undefined : JSON.parse(done.value)
}

function failure(engine: TurnEngine, i: number, error: unknown): unknown {
  engine.failures.set(error, i)
  return error
}

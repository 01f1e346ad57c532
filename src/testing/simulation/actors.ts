/**
 * The agents of a simulation: they do what the script in each message says.
 *
 * @module
 */

import type { StandardSchema } from '../../core/schema.ts'
import { majority } from '../../voting/rule.ts'
import { agent, on, topic } from '../../turn/definition.ts'
import type {
  AnyAgent,
  FailurePolicy,
  Handler,
  HandlerRef,
  StalePolicy,
  Topic,
} from '../../turn/definition.ts'
import type { StepContext, Turn } from '../../turn/turn.ts'
import { vote } from '../../turn/vote.ts'
import { JUDGE, JUDGES, KEYED, READERS, TOPIC, WORKERS } from './script.ts'
import type { HandlerName, Op, Place, Question, Script, Step } from './script.ts'
import type { World } from './world.ts'

/** What a handler answers. */
export interface Reply {
  readonly id: string
  readonly by: string
}

/** Where handlers run: a process that may die under them. */
export interface Site {
  readonly world: World
  readonly name: string
  readonly alive: () => boolean
  readonly now: () => number
  /** Resolves after some time in this process; never, when it dies before. */
  readonly wait: (ms: number) => Promise<void>
  /** Tells what happens, for whoever reads along. */
  readonly note: (what: string) => void
}

const RETRY = { attempts: 4, firstMs: 20, factor: 2, maxMs: 400 } as const

/** Anything goes. */
function schema<T>(): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'coterie', validate: (value) => ({ value: value as T }) } }
}

const SCRIPT = schema<Script>()
const REPLY = schema<Reply>()

const JUDGE_AGENT = agent(JUDGE, { judge: vote(() => ({ choice: 'approve', reason: 'why not' })) })

/** The topic of a simulation. */
export const NEWS: Topic<Script> = topic(TOPIC, SCRIPT)

/** All agents, by name, as one process runs them. */
export function actors(site: Site): ReadonlyMap<string, AnyAgent> {
  const cast = new Map<string, AnyAgent>()
  for (const name of [...WORKERS, KEYED]) {
    cast.set(
      name,
      agent(name, {
        plain: worker(site, 'retry', 'retry'),
        saga: worker(site, 'rollback', 'retry'),
        tolerant: worker(site, 'continue', 'retry'),
        strict: worker(site, 'retry', 'fail'),
        loose: worker(site, 'retry', 'accept'),
      }),
    )
  }
  for (const name of READERS) {
    cast.set(
      name,
      agent(name, {
        news: on({ topic: NEWS, retry: RETRY }, (turn, script) => play(site, turn, script)),
      }),
    )
  }
  cast.set(JUDGE, JUDGE_AGENT)
  return cast
}

/** The typed client for a place. */
export function refOf(place: Pick<Place, 'agent' | 'handler'>): HandlerRef<Script, Reply> {
  return { agent: place.agent, handler: place.handler, definition: CLIENT_SIDE[place.handler] }
}

function worker(site: Site, failure: FailurePolicy, stale: StalePolicy): Handler<Script, Reply> {
  return on({ input: SCRIPT, output: REPLY, retry: RETRY, failure, stale }, (turn, script) =>
    play(site, turn, script),
  )
}

const NOBODY: Site = {
  world: undefined as unknown as World,
  name: '',
  alive: () => false,
  now: () => 0,
  wait: () => new Promise(() => undefined),
  note: () => undefined,
}
const CLIENT_SIDE: Readonly<Record<HandlerName, Handler<Script, Reply>>> = {
  plain: worker(NOBODY, 'retry', 'retry'),
  saga: worker(NOBODY, 'rollback', 'retry'),
  tolerant: worker(NOBODY, 'continue', 'retry'),
  strict: worker(NOBODY, 'retry', 'fail'),
  loose: worker(NOBODY, 'retry', 'accept'),
}

/** What a turn knows by the clock and by chance, and hands on in everything that it sends later. */
interface Knowledge {
  known: readonly number[]
}

/** One run of a handler. */
interface Run {
  readonly turn: Turn
  /** How many faults there had been when it began. */
  readonly faults: number
}

async function play(site: Site, turn: Turn<never>, script: Script): Promise<Reply> {
  const knowledge: Knowledge = { known: [] }
  const run: Run = { turn, faults: site.world.faults }
  site.world.began(turn.id)
  for (const op of script.ops) await act(site, run, script, op, knowledge)
  return { id: script.id, by: turn.self }
}

async function act(site: Site, run: Run, script: Script, op: Op, knowledge: Knowledge): Promise<void> {
  const { turn } = run
  switch (op.op) {
    case 'send': {
      const { agent: name, key, handler } = op.to
      const { delayMs, timeoutMs, idempotencyKey } = op
      // An idempotency key stands for one content, so what is known is left out of it.
      const payload = idempotencyKey === undefined ? { ...op.script, ...knowledge } : op.script
      turn.send(refOf({ agent: name, handler }), payload, {
        ...(key !== undefined && { key }),
        ...(delayMs !== undefined && { delayMs }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      })
      return
    }
    case 'ask':
      return ask(site, turn, op, knowledge)
    case 'together':
      await Promise.all(op.asks.map((question) => ask(site, turn, question, knowledge)))
      return
    case 'step':
      return step(site, run, op)
    case 'sleep':
      return turn.sleep(op.ms)
    case 'know':
      knowledge.known = [...knowledge.known, turn.now(), Math.floor(turn.random() * 1e9)]
      return
    case 'publish':
      turn.publish(NEWS, op.script, op.timeoutMs === undefined ? {} : { timeoutMs: op.timeoutMs })
      return
    case 'append':
      turn.append(op.stream, 'noted', { by: script.id, ...knowledge })
      return
    case 'count': {
      const { version } = await turn.read(op.stream)
      turn.append(op.stream, 'counted', { n: version + 1, by: script.id })
      return
    }
    case 'look': {
      const { version } = await turn.read(op.stream)
      turn.append(`${op.stream} seen`, 'looked', { version, by: script.id })
      return
    }
    case 'decide':
      return decide(site, turn, op.sealed)
    case 'reason':
      turn.reason(`thinking about ${script.id}`)
      return
    case 'stumble':
      if (turn.attempt <= op.attempts) throw new Error('scripted stumble')
      return
    case 'poison':
      throw new Error('scripted poison')
  }
}

async function ask(site: Site, turn: Turn, op: Question, knowledge: Knowledge): Promise<void> {
  const { agent: name, key, handler } = op.to
  const options = {
    ...(key !== undefined && { key }),
    ...(op.timeoutMs !== undefined && { timeoutMs: op.timeoutMs }),
  }
  const target = refOf({ agent: name, handler })
  const payload = { ...op.script, ...knowledge }
  if (op.strict) {
    check(site, op, await turn.ask(target, payload, options))
    return
  }
  const answer = await turn.askSettled(target, payload, options)
  if (answer.ok) check(site, op, answer.value)
}

function check(site: Site, op: Question, reply: Reply | null): void {
  // A tolerant handler that failed answers with nothing.
  if (reply !== null && reply.id !== op.script.id) {
    site.world.violate('an answer belongs to its question', `asked ${op.script.id}, answered ${reply.id}`)
  }
}

async function step(site: Site, run: Run, op: Step): Promise<void> {
  const value = await run.turn.step(op.name, (context) => effect(site, run, op, context), {
    retry: { attempts: op.tries, firstMs: 10, factor: 2, maxMs: 100 },
    ...(op.timeoutMs !== undefined && { timeoutMs: op.timeoutMs }),
    ...(op.undo !== 'none' && {
      undo: (result: string | undefined, context: StepContext) => undo(site, run, op, result, context),
    }),
  })
  if (value !== `${op.name} done`) {
    site.world.violate('a step gives its own result', `${op.name} gave ${JSON.stringify(value)}`)
  }
}

async function effect(site: Site, run: Run, op: Step, context: StepContext): Promise<string> {
  await count(site, run, op, context, false)
  if (context.signal.aborted) {
    site.world.violate('nothing begins in a turn that was given up', `${op.name} of ${run.turn.id} began`)
  }
  if (op.lastsMs > 0) await site.wait(op.lastsMs)
  if (site.world.runsOf(run.turn.id, op.name, false) <= op.failures) throw new Error('scripted refusal')
  return `${op.name} done`
}

async function undo(
  site: Site,
  run: Run,
  op: Step,
  result: string | undefined,
  context: StepContext,
): Promise<void> {
  await count(site, run, op, context, true)
  if (result !== undefined && result !== `${op.name} done`) {
    site.world.violate('a compensation gets the result of its step', `${op.name} was given ${result}`)
  }
  if (op.undo === 'fails') throw new Error('scripted refusal to undo')
  if (op.undo === 'stumbles' && site.world.runsOf(run.turn.id, op.name, true) === 1) {
    throw new Error('scripted stumble while undoing')
  }
}

async function count(site: Site, run: Run, op: Step, context: StepContext, undoes: boolean): Promise<void> {
  if (!site.alive()) await new Promise<never>(() => undefined)
  const { world } = site
  const { turn, faults } = run
  site.note(`${undoes ? 'undoes' : 'runs'} ${op.name} of ${turn.id}`)
  world.run({
    by: site.name,
    self: turn.self,
    turn: turn.id,
    name: op.name,
    key: context.idempotencyKey,
    undo: undoes,
    at: site.now(),
    faults: [faults, world.faults],
  })
}

async function decide(site: Site, turn: Turn, sealed: boolean): Promise<void> {
  const decision = await turn.decide({
    question: 'shall we?',
    electorate: JUDGES.map((key) => ({ ref: JUDGE_AGENT.judge, key })),
    rule: majority(),
    timeoutMs: 2_000,
    sealed,
  })
  const { tally } = decision.certificate
  if (tally.void.length + tally.refused.length > 0) {
    site.world.violate('a member signs one ballot for a decision', JSON.stringify(tally))
  }
  if (decision.outcome !== 'approve' && decision.outcome !== 'none') {
    site.world.violate('a decision follows from its ballots', `the outcome is ${decision.outcome}`)
  }
}

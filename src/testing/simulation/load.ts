/**
 * What clients ask of the system in one run, and what they were told.
 *
 * @module
 */

import { errorValue } from '../../core/errors.ts'
import type { Space } from '../../runtime/space.ts'
import { NEWS, refOf } from './actors.ts'
import type { Mortal } from './faulty-store.ts'
import type { Prng } from './prng.ts'
import { ScriptWriter } from './script.ts'
import type { Place, Script } from './script.ts'
import type { World } from './world.ts'

/** One call of a client. */
export interface Request {
  readonly atMs: number
  readonly do: 'send' | 'ask' | 'publish' | 'cancel' | 'retry' | 'drop'
  readonly to: Place
  readonly script: Script
  readonly delayMs?: number
  readonly timeoutMs?: number
  readonly idempotencyKey?: string
}

/** What became of a request. `lost`: the process died before it answered. */
export interface Told {
  readonly request: Request
  readonly by: Mortal
  state: 'open' | 'done' | 'failed'
  ids: readonly string[]
  code: string
}

const ASK_TIMEOUT_MS = 6_000

/** The requests of a run, in no order. */
export function writeLoad(prng: Prng, messages: number, spanMs: number): readonly Request[] {
  const writer = new ScriptWriter(prng, messages)
  const load: Request[] = []
  while (!writer.done) {
    const atMs = prng.between(0, spanMs)
    const to = writer.place()
    const roll = prng.number()
    if (roll < 0.05) {
      load.push({
        atMs,
        do: prng.pick(['cancel', 'cancel', 'retry', 'drop']),
        to,
        script: { id: '', ops: [] },
      })
      continue
    }
    const options = {
      ...(prng.chance(0.15) && { timeoutMs: prng.pick([20, 300, 2_000]) }),
      ...(prng.chance(0.2) && { idempotencyKey: `load ${load.length}` }),
    }
    if (roll < 0.15) load.push({ atMs, do: 'publish', to, script: writer.notice(), ...options })
    else if (roll < 0.6) {
      const delay = prng.chance(0.1) ? { delayMs: prng.pick([5, 800]) } : {}
      load.push({ atMs, do: 'send', to, script: writer.script(0), ...options, ...delay })
    } else load.push({ atMs, do: 'ask', to, script: writer.script(0), timeoutMs: ASK_TIMEOUT_MS, ...options })
  }
  return load
}

/** Clients: they call through whatever process is up, and remember what they were told. */
export class Clients {
  readonly told: Told[] = []
  readonly #prng: Prng
  readonly #world: World

  constructor(prng: Prng, world: World) {
    this.#prng = prng
    this.#world = world
  }

  /** Makes a call through a process. */
  call(space: Space, by: Mortal, request: Request): void {
    const told: Told = { request, by, state: 'open', ids: [], code: '' }
    this.told.push(told)
    this.#make(space, request).then(
      (ids) => {
        told.state = 'done'
        told.ids = ids
      },
      (error: unknown) => {
        told.state = 'failed'
        told.code = errorValue(error).code
      },
    )
  }

  async #make(space: Space, request: Request): Promise<readonly string[]> {
    const { to, script } = request
    const { delayMs, timeoutMs, idempotencyKey } = request
    const options = {
      ...(delayMs !== undefined && { delayMs }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    }
    const keyed = to.key === undefined ? options : { ...options, key: to.key }
    switch (request.do) {
      case 'send':
        return [await space.send(refOf(to), script, keyed)]
      case 'publish':
        return space.publish(NEWS, script, options)
      case 'ask': {
        const answer = await space.askSettled(refOf(to), script, keyed)
        if (answer.ok && answer.value !== null && answer.value.id !== script.id) {
          this.#world.violate('an answer belongs to its question', `${script.id}: got ${answer.value.id}`)
        }
        return []
      }
      case 'cancel': {
        const known = this.told.flatMap((told) => told.ids)
        if (known.length === 0) return []
        const { trace } = await space.receipt(this.#prng.pick(known))
        await space.cancel(this.#prng.chance(0.5) ? trace : this.#prng.pick(known))
        return []
      }
      case 'retry':
      case 'drop': {
        const [dead] = await space.dead(1)
        if (dead === undefined) return []
        const { id } = dead.envelope
        await (request.do === 'retry' ? space.retryDead(id) : space.dropDead(id))
        return []
      }
    }
  }
}

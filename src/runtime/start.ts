/**
 * Starts a space on a store, with whatever ports it is given: the system's, or a simulator's.
 *
 * @module
 */

import { isName } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { limitsWith } from '../core/limits.ts'
import type { Limits } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { AnyAgent } from '../turn/definition.ts'
import { Committer } from './committer.ts'
import type { Context, Ports } from './context.ts'
import { Directory } from './directory.ts'
import { makeGenesis } from './genesis.ts'
import { KeyOffice } from './key-office.ts'
import { Space } from './space.ts'
import { StepsUnderWay } from './steps-under-way.ts'

/** What to start. */
export interface StartOptions {
  readonly space: string
  readonly agents: readonly AnyAgent[]
  readonly limits?: Partial<Limits>
  /** Refuse to make a space that is not there: for tools that only look. */
  readonly mustExist?: boolean
}

/** Refuses what no store has to be asked about. Throws COTERIE_INVALID_ARGUMENT, COTERIE_INVALID_DEFINITION. */
export function checkStart({ agents, space, limits }: StartOptions): void {
  checkAgents(agents)
  checkName(space)
  limitsWith(limits)
}

/** Joins or creates the space, registers the agents, and begins to work. The store is closed with the space. */
export async function startSpace(store: Store, ports: Ports, options: StartOptions): Promise<Space> {
  checkAgents(options.agents)
  const context = await joinSpace(store, ports, options)
  const space = new Space(context, options.agents, () => store.close())
  try {
    await space.start()
  } catch (error) {
    await space.close()
    throw error
  }
  return space
}

/** The keys of a space, for its owner: needs no key but the owner's, and runs nothing. */
export async function startKeyOffice(store: Store, ports: Ports, space: string): Promise<KeyOffice> {
  const context = await joinSpace(store, ports, { space, mustExist: true })
  const directory = new Directory(context)
  const nothing = (): undefined => undefined
  return new KeyOffice(context, directory, new Committer(context, directory, nothing, nothing))
}

async function joinSpace(
  store: Store,
  ports: Ports,
  options: Omit<StartOptions, 'agents'>,
): Promise<Context> {
  checkName(options.space)
  const limits = limitsWith(options.limits)
  let spaceStore = await store.space(options.space)
  if (spaceStore === undefined) {
    if (options.mustExist === true) {
      const names = (await store.spaces()).join(', ')
      throw new CoterieError(
        'COTERIE_NOT_FOUND',
        `There is no space "${options.space}" in ${store.url}${names === '' ? '' : `; it has: ${names}`}.`,
      )
    }
    spaceStore = await store.space(options.space, makeGenesis(ports, options.space))
    if (spaceStore === undefined)
      throw new CoterieError('COTERIE_STORE_FAILED', `The space "${options.space}" could not be created.`)
  }
  const logTime = await spaceStore.now()
  const behind = logTime - ports.clock.now()
  if (behind > limits.clockBackMs) {
    throw new CoterieError(
      'COTERIE_CLOCK_BACK',
      `The clock of this machine is ${Math.round(behind / 1000)} s behind the last commit in ${store.url}. ` +
        `Correct the clock, or wait; nothing was written.`,
      { details: { behindMs: behind } },
    )
  }
  const clock = forwardOnly(ports, logTime)
  return { ...ports, clock, store: spaceStore, limits, underWay: new StepsUnderWay() }
}

/** Time that never goes back, as the store's does not: a step back of the machine's clock makes it stand still. */
function forwardOnly(ports: Ports, from: number): Clock {
  let last = from
  let told = false
  return {
    ...ports.clock,
    now: () => {
      const now = ports.clock.now()
      if (now < last - 1_000 && !told) {
        told = true
        ports.logger.log('warn', 'the clock went back; time stands still until it has caught up', {
          code: 'COTERIE_CLOCK_BACK',
          behindMs: last - now,
        })
      }
      if (now >= last) told = false
      last = Math.max(last, now)
      return last
    },
  }
}

function checkName(space: string): void {
  if (isName(space)) return
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `"${space}" is not a space name: use a letter, then letters, digits, "-" or "_".`,
  )
}

function checkAgents(agents: readonly AnyAgent[]): void {
  const names = new Set<string>()
  const isList = Array.isArray(agents)
  for (const one of isList ? (agents as readonly unknown[]) : [undefined]) {
    if (!isAgent(one)) {
      const message = 'What is opened as agents is a list of what agent(...) and person(...) return.'
      throw new CoterieError('COTERIE_INVALID_DEFINITION', message)
    }
    const { name } = one
    if (names.has(name))
      throw new CoterieError('COTERIE_INVALID_DEFINITION', `Two agents are called "${name}".`)
    names.add(name)
  }
}

/** A program without types may give anything. */
function isAgent(value: unknown): value is AnyAgent {
  if (typeof value !== 'object' || value === null) return false
  const { name, handlers } = value as Partial<AnyAgent>
  return typeof name === 'string' && typeof handlers === 'object' && handlers !== null
}

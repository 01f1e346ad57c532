/**
 * What will go wrong in a run. A script is made from a seed before the run begins, so that a run that fails can be cut
 * down by leaving parts of its script out.
 *
 * @module
 */

import { Prng } from '../simulation/prng.ts'
import { STRATEGY_NAMES, type StrategyName } from './strategies.ts'

/** One fault, at a time in virtual milliseconds. Members are named by place. */
export type Fault =
  /** The process dies at its `operations`-th flush or send from then on; of what was not flushed, a part survives. */
  | {
      readonly kind: 'crash'
      readonly at: number
      readonly member: number
      readonly operations: number
      readonly downMs: number
      /** The share of the unflushed entries that survives, in per cent. */
      readonly survives: number
      /** An old copy of the log is put back: so many entries are lost, and the replica is told. */
      readonly forgets: number
    }
  /** Nothing passes from the first group to the second, and back unless it is one-way. */
  | {
      readonly kind: 'partition'
      readonly at: number
      readonly untilMs: number
      readonly from: readonly number[]
      readonly to: readonly number[]
      readonly isOneWay: boolean
      /** What is sent meanwhile arrives in a burst afterwards. */
      readonly isHeld: boolean
      /** The partition comes and goes with this period; 0 for a steady one. */
      readonly flapMs: number
    }
  /** The leader of each view is cut off as soon as it is known. */
  | { readonly kind: 'isolate-leader'; readonly at: number; readonly untilMs: number }
  /** The process stands still: a long collection, a stopped event loop. */
  | { readonly kind: 'pause'; readonly at: number; readonly member: number; readonly untilMs: number }
  /** The disk of a member is full: nothing is written, so no vote is signed. */
  | { readonly kind: 'disk-full'; readonly at: number; readonly member: number; readonly untilMs: number }
  /** Each flush of a member's disk takes so long. */
  | {
      readonly kind: 'disk-slow'
      readonly at: number
      readonly member: number
      readonly untilMs: number
      readonly flushMs: number
    }
  /** The link between two members takes so much longer, in both directions. */
  | {
      readonly kind: 'slow-link'
      readonly at: number
      readonly untilMs: number
      readonly from: number
      readonly to: number
      readonly ms: number
    }
  /** What a member sends goes out one message after the other, each taking so long. */
  | {
      readonly kind: 'narrow-link'
      readonly at: number
      readonly untilMs: number
      readonly member: number
      readonly messageMs: number
    }
  /** The clock of a member jumps ahead. */
  | { readonly kind: 'jump'; readonly at: number; readonly member: number; readonly ms: number }

/** A liar and how it lies. */
export interface Liar {
  readonly member: number
  readonly strategies: readonly StrategyName[]
  /** It runs twice under one key; each instance talks to a part of the others. */
  readonly isTwin: boolean
  /** It follows the rules, but its disk loses what was flushed when it crashes, and nobody tells it. */
  readonly isForgetful: boolean
}

/** How messages travel before the network heals. Probabilities from 0 to 1. */
export interface Links {
  readonly msMin: number
  readonly msMax: number
  /** Some messages take much longer. */
  readonly heavyTail: number
  readonly drop: number
  readonly duplicate: number
  readonly corrupt: number
}

/** The whole run. */
export interface Script {
  readonly seed: number
  readonly members: number
  readonly isWeighted: boolean
  readonly isReal: boolean
  readonly deltaMs: number
  readonly links: Links
  readonly liars: readonly Liar[]
  readonly faults: readonly Fault[]
  /** Operations that members hand in. */
  readonly submissions: readonly { readonly at: number; readonly member: number }[]
  /** The speed of each member's clock, 1 for a right one. */
  readonly clocks: readonly number[]
  /** Faults and bad links end here. */
  readonly healMs: number
  /** A member leaves after the first heights, and another one comes: its place is this; -1 for none. */
  readonly changes: boolean
}

/** The most members that may lie in a council of equals. */
export function faultyOf(members: number): number {
  return Math.floor((members - 1) / 3)
}

/** The script of a seed. `liars`: how many, where the seed is not to say. */
export function scriptOf(seed: number, liarCount?: number): Script {
  const prng = new Prng(seed, 'council')
  const some = <T>(probability: number, make: () => T, otherwise: T): T =>
    prng.chance(probability) ? make() : otherwise
  const members = prng.chance(0.85) ? 4 : prng.pick([5, 6, 7, 7, 8, 9, 10, 11, 12, 13])
  const isReal = prng.chance(0.01) && members < 7
  const healMs = prng.pick([300, 800, 800, 3_000])
  const count = liarCount ?? prng.between(prng.chance(0.7) ? 1 : 0, faultyOf(members))
  const msMax = prng.pick([5, 20, 20, 80, 300])
  const links = {
    msMin: prng.pick([0, 1, msMax / 2]),
    msMax,
    heavyTail: some(0.2, () => prng.pick([0.01, 0.1]), 0),
    drop: some(0.3, () => prng.pick([0.02, 0.1, 0.3]), 0),
    duplicate: some(0.2, () => prng.pick([0.05, 0.3]), 0),
    corrupt: some(0.15, () => prng.pick([0.02, 0.1]), 0),
  }
  const liars = liarsOf(prng, members, count)
  return {
    seed,
    members,
    isWeighted: members > 6 && prng.chance(0.3),
    isReal,
    deltaMs: prng.pick([50, 100, 250]),
    links,
    liars,
    faults: [
      ...faultsOf(prng, members, healMs),
      ...diskFaultsOf(new Prng(seed, 'council disk'), members, healMs),
      ...linkFaultsOf(new Prng(seed, 'council links'), members, healMs),
    ],
    submissions: Array.from({ length: prng.between(1, members < 7 ? 5 : 2) }, () => ({
      at: prng.between(0, healMs),
      member: prng.between(0, members - 1),
    })),
    clocks: Array.from({ length: members }, () => some(0.1, () => prng.pick([0.7, 0.9, 1.1, 1.4]), 1)),
    healMs,
    changes: members > 6 && prng.chance(0.15),
  }
}

const FORKING: readonly StrategyName[] = [
  'equivocates-values',
  'equivocates-values',
  'finalises-and-nullifies',
]

function liarsOf(prng: Prng, members: number, count: number): readonly Liar[] {
  // With more liars than can be tolerated the question is whether a fork names them, so they set out to fork.
  const repertoire = count > faultyOf(members) ? FORKING : STRATEGY_NAMES
  const places = Array.from({ length: members }, (_, place) => place)
  const plot: readonly StrategyName[] | undefined =
    count > faultyOf(members) && prng.chance(0.6) ? ['equivocates-values'] : undefined
  return Array.from({ length: count }, () => {
    const [member = 0] = places.splice(prng.between(0, places.length - 1), 1)
    const isTwin = plot === undefined && prng.chance(count > faultyOf(members) ? 0.3 : 0.12)
    const isForgetful = !isTwin && plot === undefined && prng.chance(0.06)
    const strategies = plot ?? Array.from({ length: prng.between(1, 3) }, () => prng.pick(repertoire))
    return { member, strategies: isTwin || isForgetful ? [] : [...new Set(strategies)], isTwin, isForgetful }
  })
}

function faultsOf(prng: Prng, members: number, healMs: number): readonly Fault[] {
  const kinds = (['crash', 'partition', 'isolate-leader', 'pause', 'jump'] as const).filter(() =>
    prng.chance(0.35),
  )
  if (kinds.length === 0) return []
  const place = (): number => prng.between(0, members - 1)
  return Array.from({ length: prng.between(0, 4) }, (): Fault => {
    const at = prng.between(0, healMs)
    const untilMs = prng.between(at, healMs)
    const kind = prng.pick(kinds)
    switch (kind) {
      case 'crash':
        return {
          kind,
          at,
          member: place(),
          operations: prng.between(0, 12),
          downMs: prng.pick([0, 20, 300, healMs]),
          survives: prng.pick([0, 0, 50, 100]),
          forgets: prng.chance(0.15) ? prng.between(1, 8) : 0,
        }
      case 'partition': {
        const from = Array.from({ length: members }, (_, member) => member).filter(() => prng.chance(0.5))
        const to = Array.from({ length: members }, (_, member) => member).filter(
          (member) => !from.includes(member),
        )
        return {
          kind,
          at,
          untilMs,
          from,
          // Some links between the groups stay: the partition is not transitive.
          to: prng.chance(0.3) ? to.slice(1) : to,
          isOneWay: prng.chance(0.3),
          isHeld: prng.chance(0.4),
          flapMs: prng.chance(0.2) ? prng.between(10, 400) : 0,
        }
      }
      case 'isolate-leader':
        return { kind, at, untilMs }
      case 'pause':
        return { kind, at, member: place(), untilMs: prng.chance(0.3) ? at + 10_000 : untilMs }
      case 'jump':
        return { kind, at, member: place(), ms: prng.pick([50, 1_000, 60_000]) }
    }
  })
}

function diskFaultsOf(prng: Prng, members: number, healMs: number): readonly Fault[] {
  if (!prng.chance(0.15)) return []
  return Array.from({ length: prng.between(1, members) }, (): Fault => {
    const at = prng.between(0, healMs)
    const place = { at, member: prng.between(0, members - 1), untilMs: prng.between(at, healMs) }
    if (prng.chance(0.4)) return { kind: 'disk-full', ...place }
    return { kind: 'disk-slow', ...place, flushMs: prng.pick([1, 10, 50, 400]) }
  })
}

function linkFaultsOf(prng: Prng, members: number, healMs: number): readonly Fault[] {
  if (!prng.chance(0.15)) return []
  return Array.from({ length: prng.between(1, members) }, (): Fault => {
    const at = prng.between(0, healMs)
    const [from, to] = [prng.between(0, members - 1), prng.between(0, members - 1)]
    const untilMs = prng.between(at, healMs)
    if (prng.chance(0.5)) return { kind: 'slow-link', at, untilMs, from, to, ms: prng.pick([50, 400, 2_000]) }
    return { kind: 'narrow-link', at, untilMs, member: from, messageMs: prng.pick([1, 5, 20]) }
  })
}

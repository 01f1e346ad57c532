import type { Fault, Links, Script } from '../../src/testing/council/script.ts'
import { runScript, type CouncilOptions, type CouncilResult } from '../../src/testing/council/simulate.ts'
import type { StrategyName } from '../../src/testing/council/strategies.ts'

export const GOOD_LINKS: Links = { msMin: 1, msMax: 20, heavyTail: 0, drop: 0, duplicate: 0, corrupt: 0 }

/** A run of four honest members on a good network, with some of it replaced. */
function scenario(seed: number, changes: Partial<Script> = {}): Script {
  const members = changes.members ?? 4
  return {
    seed,
    members,
    isWeighted: false,
    isReal: false,
    deltaMs: 100,
    links: GOOD_LINKS,
    liars: [],
    faults: [],
    submissions: Array.from({ length: 6 }, (_, at) => ({ at: at * 90, member: at % members })),
    clocks: Array.from({ length: members }, () => 1),
    healMs: 800,
    changes: false,
    ...changes,
  }
}

/** One member that lies like this. */
export function liar(member: number, ...strategies: readonly StrategyName[]): Script['liars'][number] {
  return { member, strategies, isTwin: false, isForgetful: false }
}

/** Runs a scenario under some seeds. */
export function runs(
  count: number,
  changes: (seed: number) => Partial<Script>,
  options?: CouncilOptions,
): readonly CouncilResult[] {
  return Array.from({ length: count }, (_, seed) => runScript(scenario(seed, changes(seed)), options))
}

/** What was broken in any of the runs. */
export function broken(results: readonly CouncilResult[]): readonly string[] {
  return results.flatMap(({ script, violations }) =>
    violations.map(({ rule, detail }) => `seed ${script.seed}: ${rule}: ${detail}`),
  )
}

/** A fault that cuts some members off from others for most of a run. */
export function partition(changes: Partial<Extract<Fault, { kind: 'partition' }>>): Fault {
  const cut = { kind: 'partition', at: 50, untilMs: 700, isOneWay: false, isHeld: false, flapMs: 0 } as const
  return { ...cut, from: [0], to: [1, 2, 3], ...changes }
}

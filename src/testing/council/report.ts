import { runScript, type CouncilResult } from './simulate.ts'
import type { Script } from './script.ts'

/** The command that plays a seed again, aloud. */
export function councilReplayCommand(seed: number, liars?: number): string {
  const lying = liars === undefined ? '' : ` --liars ${liars}`
  return `npm run sim:council -- --seeds 1 --from ${seed}${lying} --verbose`
}

/** What a failed run broke, the smallest script that still breaks it, and how to see it. */
export function councilFailureText(result: CouncilResult, liars?: number): string {
  const { script, violations } = result
  const lines = violations.map(({ rule, detail }) => `  ${rule}: ${detail}`)
  const { seed } = script
  const small = JSON.stringify(shrink(result))
  return [
    `seed ${seed} broke:`,
    ...lines,
    `  ${councilReplayCommand(seed, liars)}`,
    `  smallest script: ${small}`,
  ].join('\n')
}

const LISTS = ['faults', 'liars', 'submissions'] as const

/**
 * Leaves out of a failing script whatever is not needed to break the same promise, one thing after the other, until
 * nothing more can be left out.
 */
export function shrink(
  result: CouncilResult,
  fails: (script: Script) => boolean = (script) =>
    runScript(script).violations.some(({ rule }) => rule === result.violations[0]?.rule),
): Script {
  let script = result.script
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const smaller of smallerScripts(script)) {
      if (!fails(smaller)) continue
      script = smaller
      isSmaller = true
      break
    }
  }
  return script
}

function smallerScripts(script: Script): readonly Script[] {
  const without = LISTS.flatMap((name) =>
    script[name].map((_, at) => ({ ...script, [name]: script[name].toSpliced(at, 1) })),
  )
  const tamer = script.liars.flatMap((liar, at) =>
    liar.strategies.length < 2
      ? []
      : liar.strategies.map((_, which) => ({
          ...script,
          liars: script.liars.with(at, { ...liar, strategies: liar.strategies.toSpliced(which, 1) }),
        })),
  )
  const calm = { ...script.links, drop: 0, duplicate: 0, corrupt: 0, heavyTail: 0 }
  const isCalm = Object.entries(calm).every(
    ([name, value]) => script.links[name as keyof typeof calm] === value,
  )
  const plain = { ...script, links: calm, clocks: script.clocks.map(() => 1) }
  return [...without, ...tamer, ...(isCalm ? [] : [plain])]
}

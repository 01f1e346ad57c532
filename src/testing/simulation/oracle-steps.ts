/**
 * Judges steps by the world outside: what was recorded is not repeated, nothing runs twice without a reason, and
 * what was to be undone is undone.
 *
 * @module
 */

import { isEnd } from './evidence.ts'
import type { Evidence, MessageStory } from './evidence.ts'
import { codeOf } from './oracle-messages.ts'
import type { Op, Script, Step } from './script.ts'
import type { Violation } from './violation.ts'
import type { StepRun, World } from './world.ts'

/** Everything that is wrong with steps and compensations. */
export function judgeSteps(evidence: Evidence, world: World): readonly Violation[] {
  const found: Violation[] = []
  const runs = new Map<string, StepRun[]>()
  for (const run of world.runs) runs.set(run.turn, [...(runs.get(run.turn) ?? []), run])
  for (const story of evidence.stories) {
    if (story.script === undefined || story.requeuedAt.length > 0) continue
    found.push(...judgeRepetition(story, story.script, runs.get(story.turnId) ?? []))
    found.push(...judgeCompensations(story, story.script, runs.get(story.turnId) ?? []))
  }
  return found
}

function stepsOf(script: Script): readonly Step[] {
  return script.ops.filter((op: Op): op is Step => op.op === 'step')
}

/** A step runs again only after a failure of its own, another attempt, a moved stream, or a fault of the run. */
function judgeRepetition(
  story: MessageStory,
  script: Script,
  runs: readonly StepRun[],
): readonly Violation[] {
  const found: Violation[] = []
  const mayRepeat = story.records.some(({ body }) => body.turn?.end === 'retry')
  const reads = script.ops.some((op) => op.op === 'count' || op.op === 'look' || op.op === 'publish')
  for (const step of stepsOf(script)) {
    const own = runs.filter((run) => run.name === step.name && !run.undo && !run.superseded)
    const [first] = own
    const last = own.at(-1)
    if (first === undefined || last === undefined || own.length === 1) continue
    if (step.failures > 0 || step.timeoutMs !== undefined || mayRepeat || reads) continue
    // A fault while the first handler ran excuses it, also one before the step: its segment may have been lost by then.
    if (first.faults[0] === last.faults[1]) {
      found.push({
        rule: 'steps run once',
        detail: `${step.name} ran ${own.length} times, and nothing was wrong`,
      })
    }
  }
  return found
}

function judgeCompensations(
  story: MessageStory,
  script: Script,
  runs: readonly StepRun[],
): readonly Violation[] {
  const { row, journal, records, turnId } = story
  const undone = journal.flatMap((entry) => (entry.t === 'undone' ? [entry.i] : []))
  const found: Violation[] = []
  if (undone.some((i, index) => index > 0 && i >= (undone[index - 1] ?? i))) {
    found.push({ rule: 'compensations run newest first', detail: `${turnId}: ${undone.join()}` })
  }
  const last = records.at(-1)
  const code = last === undefined ? undefined : codeOf(last.detail.error)
  if (code === 'COTERIE_ROLLBACK_FAILED' || code === 'COTERIE_TURN_CRASHED') return found
  const rolledBack = row.envelope.handler === 'saga' && (row.state === 'dead' || row.state === 'expired')
  // A dead letter that an operator drops is cancelled too, and its turn was over before.
  const stopped = row.state === 'cancelled' && last?.body.turn?.end !== 'dead'
  if (!stopped && !rolledBack) return found
  for (const { i, name } of openCalls(story)) {
    const step = stepsOf(script).find((one) => one.name === name)
    if (step === undefined || step.undo === 'none') continue
    const ran = runs.some((run) => run.undo && run.name === name)
    if (undone.includes(i) && ran) continue
    const how =
      last !== undefined && isEnd(last) ? `ended at ${last.record.position}` : 'was ended from outside'
    found.push({ rule: 'what is rolled back is undone', detail: `${turnId} ${how}; ${name} was not undone` })
  }
  return found
}

/** The calls of steps that the journal has at its end. */
function openCalls({ journal }: MessageStory): readonly { readonly i: number; readonly name: string }[] {
  const calls = new Map<number, string>()
  for (const entry of journal) {
    if (entry.t === 'call' && entry.op === 'step') calls.set(entry.i, entry.name)
    if (entry.t === 'cut') for (const i of calls.keys()) if (i >= entry.i) calls.delete(i)
  }
  return [...calls].map(([i, name]) => ({ i, name }))
}

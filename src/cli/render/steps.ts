/**
 * What a turn did and was told: a question and its answer on one line, and questions with the same answer together.
 *
 * @module
 */

import { choiceText, isSignedBallot } from '../../voting/ballot.ts'
import type { StepView } from '../queries/turn.ts'
import type { Style } from './style.ts'
import { clean, clip } from './text.ts'

const VALUE_CHARS = 120

/** A line of a block: what it is about, and the text. */
export type Row = readonly [label: string, text: string]

/** The rows of a turn's steps, questions and sleeps, in order; a group stands where its first member does. */
export function stepRows(steps: readonly StepView[], style: Style): readonly Row[] {
  const groups = new Map<string, StepView[]>()
  for (const step of steps) {
    const same = step.op === 'ask' ? `ask ${handlerOf(step)} ${resultText(step, style)}` : `${groups.size}`
    const group = groups.get(same)
    if (group === undefined) groups.set(same, [step])
    else group.push(step)
  }
  return [...groups.values()].map((group) => groupRow(group, style))
}

function groupRow(group: readonly StepView[], style: Style): Row {
  const [first] = group
  if (first === undefined) return ['', '']
  const result = resultText(first, style)
  if (first.op === 'sleep') return ['slept', first.state === 'open' ? style.warn('not over') : 'over']
  if (first.op === 'step') return ['step', `${clean(first.name)} ${result}`]
  const names = group.map((step) => clean(step.name.slice(0, -handlerOf(step).length).trim()))
  const count = group.length > 3 ? ` (${group.length})` : ''
  // One question alone is followed by its id: that of the turn that answered it is the same.
  const id = group.length === 1 && first.message !== null ? `  ${style.id(first.message)}` : ''
  return ['asked', `${names.join(', ')}${count} "${clean(handlerOf(first))}" ${result}${id}`]
}

/** The name of an ask is its address and its handler; no handler has a space in it. */
function handlerOf({ name }: StepView): string {
  return name.slice(name.lastIndexOf(' ') + 1)
}

function resultText({ op, state, value, error, usage }: StepView, style: Style): string {
  const used = usage === null ? [] : Object.entries(usage).map(([unit, amount]) => `${clean(unit)} ${amount}`)
  const cost = used.length === 0 ? '' : `  (${used.join(', ')})`
  if (state === 'open') return style.warn(op === 'ask' ? 'and has no answer' : 'did not end')
  if (error !== null) return `${style.bad(`failed: ${clip(error.message, VALUE_CHARS)}`)}${cost}`
  return `-> ${valueText(value)}${cost}`
}

/** A ballot is shown by its choice: the decision has the rest. */
function valueText(value: string | null): string {
  if (value === null) return 'nothing'
  const parsed: unknown = JSON.parse(value)
  return isSignedBallot(parsed)
    ? `a ballot for ${clean(choiceText(parsed.ballot.choice))}`
    : clip(value, VALUE_CHARS)
}

import type { TraceNode, TraceReport } from '../queries/trace.ts'
import { stateText } from './message.ts'
import type { Style } from './style.ts'
import { clean, counted } from './text.ts'
import { durationText, timeText } from './time.ts'
import { hangText, wrapText } from './wrap.ts'

/** A trace as a tree of messages; the answer to a question stands with the question. */
export function traceLines(
  report: TraceReport,
  { style, width }: { readonly style: Style; readonly width: number },
): readonly string[] {
  const { trace, startedAt, endedAt, messages, roots } = report
  const took = endedAt === null ? 'not ended' : `took ${durationText(endedAt - startedAt)}`
  const when = `${counted(messages, 'message')}, began ${timeText(startedAt)}, ${took}`
  const lines = [...wrapText(`${style.bold(`trace ${trace}`)}  ${when}`, width)]
  const add = (nodes: readonly TraceNode[], parent: TraceNode | undefined, indent: string): void => {
    nodes.forEach((node, index) => {
      const last = index === nodes.length - 1
      const answer = answerOf(node)
      const below = node.children.filter((child) => child !== answer)
      const next = `${indent}${last ? '   ' : '│  '}`
      const text = nodeText(node, answer, parent, startedAt, style)
      // Below a line that goes on, the branch to the first child goes on too.
      const hanging = style.dim(`${next}${below.length > 0 ? '│ ' : '  '}`)
      lines.push(...hangText(style.dim(`${indent}${last ? '└─ ' : '├─ '}`), hanging, text, width))
      add(below, node, next)
    })
  }
  add(roots, undefined, '')
  if (report.cut) lines.push(style.warn('There are more messages: see --limit.'))
  return lines
}

/** The answer to a question, if its own turn gave it. */
function answerOf({ message, children }: TraceNode): TraceNode | undefined {
  if (message.kind !== 'ask') return undefined
  const answers = children.filter((child) => child.message.re === message.id)
  return answers.length === 1 && answers[0]?.children.length === 0 ? answers[0] : undefined
}

function nodeText(
  { message, endedAt }: TraceNode,
  answer: TraceNode | undefined,
  parent: TraceNode | undefined,
  startedAt: number,
  style: Style,
): string {
  const { id, from, to, handler, kind, topic, state, sentAt, attempts, reason, error } = message
  // In the tree it is clear who sent what hangs below a message.
  const sender = parent?.message.to === from ? '' : `${clean(from)} -> `
  const what =
    kind === 'reply'
      ? `${clean(from)} ${message.failed ? 'failed to answer' : 'answered'} ${clean(to)} "${clean(handler)}"`
      : `${sender}${clean(to)} "${clean(handler)}"${topic === null ? '' : ` (topic ${clean(topic)})`}`
  const became =
    answer === undefined || state !== 'handled'
      ? stateText(state, style)
      : answer.message.failed
        ? style.bad('failed')
        : style.good('answered')
  const end = answer?.message.sentAt ?? endedAt
  const timing = `+${durationText(sentAt - startedAt)}${end === null ? '' : `, ${durationText(end - sentAt)}`}`
  const why = error === null ? reason : `${error.code}: ${error.message}`
  const parts = [`${what}  ${became}`, style.dim(timing)]
  if (attempts > 0) parts.push(style.warn(`failed ${counted(attempts, 'time')}`))
  if (why !== null && state !== 'handled') parts.push(clean(why))
  return [...parts, style.id(id)].join('  ')
}

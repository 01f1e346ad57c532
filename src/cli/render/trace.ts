import type { TraceNode, TraceReport } from '../queries/trace.ts'
import { stateText } from './message.ts'
import type { Style } from './style.ts'
import { clean, counted } from './text.ts'
import { durationText, timeText } from './time.ts'

/** A trace as a tree of messages. */
export function traceLines(report: TraceReport, style: Style): readonly string[] {
  const { trace, startedAt, endedAt, messages, roots } = report
  const took = endedAt === null ? 'not ended' : `took ${durationText(endedAt - startedAt)}`
  const lines = [
    `${style.bold(`trace ${trace}`)}  ${counted(messages, 'message')}, began ${timeText(startedAt)}, ${took}`,
  ]
  const add = (nodes: readonly TraceNode[], indent: string): void => {
    nodes.forEach((node, index) => {
      const last = index === nodes.length - 1
      lines.push(`${style.dim(`${indent}${last ? '└─ ' : '├─ '}`)}${nodeText(node, startedAt, style)}`)
      add(node.children, `${indent}${last ? '   ' : '│  '}`)
    })
  }
  add(roots, '')
  if (report.cut) lines.push(style.warn('There are more messages: see --limit.'))
  return lines
}

function nodeText({ message, endedAt }: TraceNode, startedAt: number, style: Style): string {
  const { id, from, to, handler, kind, topic, state, sentAt, attempts, failed, reason, error } = message
  const what =
    kind === 'reply'
      ? `${clean(from)} ${failed ? 'failed to answer' : 'answered'} ${clean(to)} "${clean(handler)}"`
      : `${clean(from)} -> ${clean(to)} "${clean(handler)}"${topic === null ? '' : ` (topic ${clean(topic)})`}`
  const timing = `+${durationText(sentAt - startedAt)}${endedAt === null ? '' : `, ${durationText(endedAt - sentAt)}`}`
  const why = error === null ? reason : `${error.code}: ${error.message}`
  const parts = [`${what}  ${stateText(state, style)}`, style.dim(timing), style.id(id)]
  if (attempts > 0) parts.push(style.warn(`failed ${counted(attempts, 'time')}`))
  if (why !== null && state !== 'handled') parts.push(clean(why))
  return parts.join('  ')
}

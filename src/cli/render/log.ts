import type { RecordBody } from '../../core/record.ts'
import type { RecordView } from '../queries/log.ts'
import type { Style } from './style.ts'
import { clean, counted } from './text.ts'
import { timeText } from './time.ts'

/** A record in one line: position, time, author, what it did. */
export function recordLine({ position, author, body }: RecordView, style: Style): string {
  const head = style.dim(String(position).padStart(6))
  if (body === undefined) return `${head}  ${clean(author)}  ${style.bad('its body is not that of a record')}`
  const { at, kind, turn } = body
  const done = turn === undefined ? clean(kind) : `${clean(kind)} ${endText(String(turn.end), style)}`
  const parts = partsOf(body).map(clean)
  return [head, style.dim(timeText(at)), style.bold(clean(author)), done, parts.join('; ')]
    .join('  ')
    .trimEnd()
}

function endText(end: string, style: Style): string {
  switch (end) {
    case 'handled':
      return style.good(end)
    case 'dead':
    case 'expired':
    case 'cancelled':
      return style.bad(end)
    case 'retry':
      return style.warn(end)
    default:
      return clean(end)
  }
}

function partsOf(body: RecordBody): readonly string[] {
  const parts: string[] = []
  const { turn, agents, revokes, sends, settles, events, decisions, cancels } = body
  if (turn !== undefined) parts.push(turn.attempt > 1 ? `${turn.id} (attempt ${turn.attempt})` : turn.id)
  if (agents !== undefined) parts.push(`agents ${agents.map(({ name }) => name).join(', ')}`)
  if (revokes !== undefined) parts.push(`revokes ${revokes.map(({ key }) => key).join(', ')}`)
  if (sends !== undefined)
    parts.push(sends.length === 1 ? `sent ${sends[0]?.id}` : `sent ${counted(sends.length, 'message')}`)
  if (events !== undefined) {
    parts.push(
      `appended ${events.map(({ stream, version, type }) => `${stream}@${version} ${type}`).join(', ')}`,
    )
  }
  if (decisions !== undefined) parts.push(`decided ${decisions.map(({ id }) => id).join(', ')}`)
  if (settles !== undefined) parts.push(...settles.map(({ as, id }) => `${id} ${as}`))
  if (cancels !== undefined) parts.push(`cancels ${cancels}`)
  return parts
}

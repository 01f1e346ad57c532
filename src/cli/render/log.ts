import type { RecordBody } from '../../core/record.ts'
import type { RecordView } from '../queries/log.ts'
import type { Style } from './style.ts'
import { clean, counted } from './text.ts'
import { timeText } from './time.ts'
import { hangText } from './wrap.ts'

/** A record: position, time, author, what it did. */
export function recordLines(
  { position, author, body }: RecordView,
  { style, width }: { readonly style: Style; readonly width: number },
): readonly string[] {
  const head = style.dim(String(position).padStart(6))
  if (body === undefined)
    return [`${head}  ${clean(author)}  ${style.bad('its body is not that of a record')}`]
  const { at, kind, turn } = body
  const done = turn === undefined ? clean(kind) : `${clean(kind)} ${endText(String(turn.end), style)}`
  const parts = partsOf(body).map(clean)
  const text = [style.dim(timeText(at)), style.bold(clean(author)), done, parts.join('; ')]
    .join('  ')
    .trimEnd()
  return hangText(`${head}  `, ' '.repeat(8), text, width)
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
  if (settles !== undefined) parts.push(...settlesOf(settles))
  if (cancels !== undefined) parts.push(`cancels ${cancels}`)
  return parts
}

/** One message that was ended by its id, several by their number. */
function settlesOf(settles: NonNullable<RecordBody['settles']>): readonly string[] {
  const byEnd = Map.groupBy(settles, ({ as }) => as)
  return [...byEnd].map(([as, group]) => {
    return group.length === 1 ? `${group[0]?.id} ${as}` : `${counted(group.length, 'message')} ${as}`
  })
}

import type { MessageState } from '../../core/message.ts'
import type { MessageView } from '../queries/message.ts'
import type { Style } from './style.ts'
import { clean, clip, jsonText } from './text.ts'
import { timeText } from './time.ts'
import { hangText } from './wrap.ts'

const PAYLOAD_CHARS = 2_000

/** Everything about one message, for people. */
export function messageLines(
  message: MessageView,
  { style, width }: { readonly style: Style; readonly width: number },
): readonly string[] {
  const {
    id,
    kind,
    from,
    to,
    handler,
    topic,
    state,
    attempts,
    sentAt,
    deadline,
    trace,
    cause,
    error,
    reason,
  } = message
  const rows: (readonly [string, string])[] = [
    ['message', style.id(id)],
    ['state', stateText(state, style)],
    ['kind', topic === null ? kind : `${kind} ${clean(topic)}`],
    ['from', clean(from)],
    ['to', `${clean(to)} ${clean(handler)}`],
    ['sent', timeText(sentAt)],
    ['deadline', deadline === null ? 'none' : timeText(deadline)],
    ['attempts', String(attempts)],
    ['trace', trace],
    ['cause', cause ?? 'from outside'],
    ['payload', clip(jsonText(message.payload), PAYLOAD_CHARS)],
  ]
  if (reason !== null) rows.push(['reason', clean(reason)])
  for (let value = error ?? undefined; value !== undefined; value = value.cause) {
    rows.push([
      value === error ? 'error' : 'caused by',
      style.bad(`${clean(value.code)}: ${clean(value.message)}`),
    ])
  }
  return rows.flatMap(([label, text]) =>
    hangText(`${style.dim(label.padEnd(10))} `, ' '.repeat(11), text, width),
  )
}

/** A message's state in its colour. */
export function stateText(state: MessageState, style: Style): string {
  switch (state) {
    case 'handled':
      return style.good(state)
    case 'dead':
    case 'expired':
    case 'cancelled':
      return style.bad(state)
    default:
      return style.warn(state)
  }
}

import { CLIENT, nameOf, OWNER } from '../../core/address.ts'
import type { StatusReport } from '../queries/status.ts'
import type { Style } from './style.ts'
import { fittedLines, tableLines } from './table.ts'
import { clean, counted } from './text.ts'
import { durationText } from './time.ts'

const INDENT = 2

/** The state of a space, for people. */
export function statusLines(report: StatusReport, style: Style, width: number): readonly string[] {
  const { space, position, oldestMs, decisions } = report
  const waits = oldestMs === null ? 'nothing waits' : `the oldest message waits ${durationText(oldestMs)}`
  return [
    `${style.bold(`space ${space.name}`)}  ${style.dim(space.id)}`,
    `${counted(position + 1, 'record')}, ${counted(decisions, 'decision')}, ${waits}`,
    '',
    ...section('agents', agentLines(report, width - INDENT), style),
    ...section('mailboxes', mailboxLines(report, width - INDENT), style),
    ...section('workers', workerLines(report), style),
    ...section('messages', messageCounts(report), style),
  ].slice(0, -1)
}

function section(title: string, lines: readonly string[], style: Style): readonly string[] {
  const body = lines.length === 0 ? ['none'] : lines
  return [style.bold(title), ...body.map((line) => ' '.repeat(INDENT) + line), '']
}

function agentLines({ agents }: StatusReport, width: number): readonly string[] {
  if (agents.length === 0) return []
  const columns = ['AGENT', 'HANDLERS', 'KEY']
  return fittedLines(
    columns,
    agents.map(({ name, handlers, key }) => {
      const names = handlers.map((handler) => {
        return handler.topic === null ? handler.name : `${handler.name} (topic ${handler.topic})`
      })
      return [name, names.join(', '), key]
    }),
    width,
    columns.indexOf('HANDLERS'),
  )
}

function mailboxLines({ mailboxes }: StatusReport, width: number): readonly string[] {
  const shown = mailboxes.filter(({ address }) => ![OWNER, CLIENT].includes(nameOf(address)))
  if (shown.length === 0) return []
  const columns = [
    'ADDRESS',
    'INSTANCES',
    'DEPTH',
    'WAITING',
    'DEAD',
    'RECORDS',
    'EPOCH',
    'OLDEST',
    'HELD BY',
  ]
  return fittedLines(
    columns,
    shown.map((box) => {
      const oldest = box.oldestMs === null ? '-' : durationText(box.oldestMs)
      const held = box.workers.length === 0 ? '-' : box.workers.join(', ')
      return [
        box.address,
        box.instances,
        box.depth,
        box.waiting,
        box.dead,
        box.records,
        box.epoch,
        oldest,
        held,
      ]
    }),
    width,
    columns.indexOf('HELD BY'),
  )
}

function workerLines({ workers }: StatusReport): readonly string[] {
  if (workers.length === 0) return []
  return tableLines(
    ['WORKER', 'LEASE', 'AGENT', 'ADDRESSES', 'DEPTH', 'WAITING'],
    workers.flatMap(({ id, agents, leaseMs }) => {
      const lease = leaseMs < 0 ? `lapsed ${durationText(-leaseMs)} ago` : `for ${durationText(leaseMs)}`
      if (agents.length === 0) return [[id, lease, '-', '-', '-', '-']]
      return agents.map(({ name, addresses, depth, waiting }) => [id, lease, name, addresses, depth, waiting])
    }),
  )
}

function messageCounts({ messages }: StatusReport): readonly string[] {
  const counts = Object.entries(messages).filter(([, count]) => count > 0)
  return counts.length === 0 ? [] : [clean(counts.map(([state, count]) => `${state} ${count}`).join('   '))]
}

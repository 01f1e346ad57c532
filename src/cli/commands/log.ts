import type { Command } from 'commander'
import type { SpaceStore } from '../../ports/store.ts'
import { contextOf, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { newestRecords, recordsFrom } from '../queries/log.ts'
import type { LogQuery, RecordView } from '../queries/log.ts'
import { recordLines } from '../render/log.ts'
import { countOf, wholeOf } from '../values.ts'

const FOLLOW_MS = 200
const LIMIT_DEFAULT = 50

const EXAMPLE = `
The records are shown as the store has them: "coterie verify" says whether they are genuine.

Examples:
  $ coterie log --limit 20
  $ coterie log --follow --agent reviewer --json
`

interface LogFlags {
  readonly follow?: boolean
  readonly limit?: number
  readonly from?: number
  readonly agent?: string
}

/** `coterie log`. */
export function addLog(root: Command): void {
  const command = root
    .command('log')
    .description('Show the records of the log, oldest first.')
    .option('--follow', 'wait for new records, until Ctrl-C')
    .option(
      '--limit <n>',
      `how many records (default: ${LIMIT_DEFAULT}; with --follow before the new ones)`,
      countOf,
    )
    .option('--from <position>', 'begin at this position instead of with the newest', wholeOf)
    .option('--agent <name>', 'only records of this agent, or of one address')
    .addHelpText('after', EXAMPLE)
    .action(async (flags: LogFlags) => {
      const context = contextOf(command)
      await withStore(context, (store) => showLog(context, store, flags))
    })
}

async function showLog(context: CliContext, store: SpaceStore, flags: LogFlags): Promise<void> {
  const { agent, from } = flags
  const query: LogQuery = { agent, limit: flags.limit ?? LIMIT_DEFAULT }
  let shown = 0
  const show = (records: readonly RecordView[]): void => {
    shown += records.length
    for (const record of records) {
      if (context.json) context.outJson(record)
      else
        for (const line of recordLines(record, { style: context.style, width: context.listWidth }))
          context.out(line)
    }
  }
  // What is committed between the two reads is shown by the following, once.
  const end = (await store.status()).position
  let next = end + 1
  if (from === undefined) {
    const records = (await newestRecords(store, query)).filter(({ position }) => position < next)
    show(records)
  } else {
    const limit = flags.follow === true && flags.limit === undefined ? Number.MAX_SAFE_INTEGER : query.limit
    for await (const page of recordsFrom(store, from, { agent, limit })) {
      show(page.records)
      next = page.next
    }
  }
  if (shown === 0) context.say(nothing(flags, end))
  if (flags.follow === true) await follow(store, next, agent, show)
}

function nothing({ agent, from }: LogFlags, end: number): string {
  const whose = agent === undefined ? 'no records' : `no records by ${JSON.stringify(agent)}`
  return from === undefined ? whose : `${whose} from position ${from} on; the last is at ${end}`
}

async function follow(
  store: SpaceStore,
  from: number,
  agent: string | undefined,
  show: (records: readonly RecordView[]) => void,
): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  let next = from
  let pulse = -1
  while (!stop.signal.aborted) {
    const now = await store.pulse()
    if (now !== pulse) {
      pulse = now
      for await (const page of recordsFrom(store, next, { agent, limit: Number.MAX_SAFE_INTEGER })) {
        show(page.records)
        next = page.next
      }
    }
    await pause(FOLLOW_MS, stop.signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

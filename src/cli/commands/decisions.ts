import type { Command } from 'commander'
import { contextOf, withStore } from '../context.ts'
import { timeText } from '../render/time.ts'
import { fittedLines } from '../render/table.ts'
import { clip } from '../render/text.ts'
import { countOf } from '../values.ts'

const LIMIT_DEFAULT = 100
const QUESTION_CHARS = 60

const EXAMPLE = `
Example:
  $ coterie decisions --json | jq -r 'select(.outcome == "reject").id'
`

interface Row {
  readonly id: string
  readonly outcome: string
  readonly question: string
  readonly decidedAt: number | null
  readonly position: number
}

/** `coterie decisions`. */
export function addDecisions(root: Command): void {
  const command = root
    .command('decisions')
    .description('List the decisions, oldest first.')
    .option('--after <id>', 'only those behind this one')
    .option('--limit <n>', `how many (default: ${LIMIT_DEFAULT})`, countOf)
    .addHelpText('after', EXAMPLE)
    .action(async (flags: { readonly after?: string; readonly limit?: number }) => {
      const context = contextOf(command)
      const limit = flags.limit ?? LIMIT_DEFAULT
      const rows = await withStore(context, async (store) => {
        const page = await store.decisions(flags.after ?? null, limit)
        return page.map(({ id, certificate, position }) => rowOf(id, certificate, position))
      })
      if (context.json) for (const row of rows) context.outJson(row)
      else if (rows.length === 0) context.say('no decisions')
      else for (const line of tableOf(rows, context.listWidth)) context.out(line)
      const last = rows.at(-1)
      if (last !== undefined && rows.length === limit) {
        context.say(`there may be more: --after ${last.id}`)
      }
    })
}

// The list shows what is stored; "why" and "verify" say whether it holds.
function rowOf(id: string, certificate: string, position: number): Row {
  try {
    const { outcome, proposal, decidedAt } = JSON.parse(certificate) as {
      readonly outcome?: unknown
      readonly proposal?: { readonly question?: unknown }
      readonly decidedAt?: unknown
    }
    return {
      id,
      outcome: String(outcome),
      question: String(proposal?.question),
      decidedAt: typeof decidedAt === 'number' ? decidedAt : null,
      position,
    }
  } catch {
    return { id, outcome: 'unreadable', question: '', decidedAt: null, position }
  }
}

function tableOf(rows: readonly Row[], width: number): readonly string[] {
  const columns = ['DECISION', 'DECIDED (UTC)', 'POSITION', 'OUTCOME', 'QUESTION']
  return fittedLines(
    columns,
    rows.map(({ id, outcome, question, decidedAt, position }) => {
      return [
        id,
        decidedAt === null ? '-' : timeText(decidedAt),
        position,
        outcome,
        clip(question, QUESTION_CHARS),
      ]
    }),
    width,
    columns.indexOf('QUESTION'),
  )
}

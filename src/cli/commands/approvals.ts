import type { Command } from 'commander'
import { CoterieError } from '../../core/errors.ts'
import type { Approval, PersonAnswer } from '../../runtime/desk.ts'
import type { Space } from '../../runtime/space.ts'
import { PREFIX_CHARS_MIN } from '../queries/lookup.ts'
import { contextOf, withSpace } from '../context.ts'
import type { CliContext } from '../context.ts'
import { clean, clip, jsonText } from '../render/text.ts'
import { durationText, timeText } from '../render/time.ts'
import { countOf } from '../values.ts'

const SUBJECT_CHARS = 2_000
const LIMIT_DEFAULT = 100

const LIST_EXAMPLE = `
One queue for all people and everything that asks, at any depth. Each line of --json has the question, the exact
action with its arguments, and the hash that the answer is signed over.

Example:
  $ coterie approvals
  $ coterie approvals --as alice --json
`

const ANSWER_EXAMPLE = `
The id is that of the request or of the decision, or its beginning, from 10 characters on. The answer is a ballot,
signed with the person's key from the keyring, over exactly what "coterie approvals" shows. It is not needed that
anything else runs.

Examples:
  $ coterie approve msg_01M82GP0N85N4GYAZQ0VD6MD95 --reason "the invoice is fine"
  $ coterie approve dec_01M82GP0NF --as alice --option once
  $ coterie reject dec_01M82GP0NF --reason "twice the usual amount"
`

/** `coterie approvals`. */
export function addApprovals(root: Command): void {
  const command = root
    .command('approvals')
    .description('List what waits for people, the longest wait first.')
    .option('--as <name>', 'only for this person')
    .option('--limit <n>', `how many for each person (default: ${LIMIT_DEFAULT})`, countOf)
    .addHelpText('after', LIST_EXAMPLE)
    .action(async (flags: { readonly as?: string; readonly limit?: number }) => {
      const context = contextOf(command)
      const { as, limit = LIMIT_DEFAULT } = flags
      const waiting = await withSpace(context, (space) =>
        space.approvals({ ...(as !== undefined && { person: as }), limit }),
      )
      if (context.json) for (const approval of waiting) context.outJson(approval)
      else if (waiting.length === 0) context.say('nothing waits for anybody')
      else for (const line of waiting.flatMap((one) => approvalLines(one, context))) context.out(line)
      const cut = waiting.find((one) => waiting.filter(({ person }) => person === one.person).length >= limit)
      if (cut !== undefined) context.say(`there may be more for ${clean(cut.person)}: --limit ${limit * 10}`)
    })
}

interface AnswerFlags {
  readonly option?: readonly string[]
  readonly reason?: string
  readonly as?: string
}

/** `coterie approve`. */
export function addApprove(root: Command): void {
  const command = root
    .command('approve')
    .description('Answer what waits for a person.')
    .argument('<id>', 'a request or a decision')
    .option('--option <option...>', 'the option, or several where that is asked for (default: approve)')
    .option('--reason <text>', 'why')
    .option('--as <name>', 'which person, when several are asked')
    .addHelpText('after', ANSWER_EXAMPLE)
    .action(async (id: string, flags: AnswerFlags) => {
      const [only = 'approve', ...more] = flags.option ?? []
      await answer(contextOf(command), id, flags, more.length === 0 ? only : [only, ...more])
    })
}

/** `coterie reject`. */
export function addReject(root: Command): void {
  const command = root
    .command('reject')
    .description('Reject what waits for a person.')
    .argument('<id>', 'a request or a decision')
    .option('--reason <text>', 'why; it is needed')
    .option('--as <name>', 'which person, when several are asked')
    .addHelpText('after', ANSWER_EXAMPLE)
    .action(async (id: string, flags: AnswerFlags) => {
      if (flags.reason === undefined || flags.reason === '') {
        throw new CoterieError('COTERIE_USAGE', 'Say why: --reason TEXT. It is kept in the certificate.')
      }
      await answer(contextOf(command), id, flags, 'reject')
    })
}

async function answer(
  context: CliContext,
  id: string,
  { reason, as }: AnswerFlags,
  choice: PersonAnswer['choice'],
): Promise<void> {
  const answered = await withSpace(context, async (space) => {
    const said = { choice, ...(reason !== undefined && { reason }), ...(as !== undefined && { as }) }
    return space.answer(await wholeId(space, id, as), said)
  })
  const { person, decision, hash, shows } = answered
  if (context.json) context.outJson({ id: answered.id, decision, person, hash, shows, choice })
  else if (shows) context.out(`${clean(person)} has shown the sealed ballot in ${clean(decision)}`)
  else context.out(`${clean(person)} answered ${clean([choice].flat().join(', '))} in ${clean(decision)}`)
}

/** What waits under an id that begins like this; the text itself when nothing does. Throws COTERIE_INVALID_ARGUMENT. */
async function wholeId(space: Space, text: string, person: string | undefined): Promise<string> {
  if (text.length < PREFIX_CHARS_MIN) return text
  const limit = Number.MAX_SAFE_INTEGER
  const waiting = await space.approvals({ ...(person !== undefined && { person }), limit })
  const ids = waiting.flatMap(({ id, decision }) => [id, decision]).filter((id) => id.startsWith(text))
  const [first = text, second] = new Set(ids)
  if (second === undefined) return first
  const message = `Several ids begin with "${text}": ${[...new Set(ids)].slice(0, 5).join(', ')}. Write the whole id.`
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', message, { details: { prefix: text } })
}

function approvalLines(approval: Approval, { style }: CliContext): readonly string[] {
  const { id, decision, person, question, subject, options, shows, from, askedAt, deadline, hash } = approval
  const until = deadline === null ? '' : `, until ${timeText(deadline)}`
  const left = deadline === null ? '' : ` (${durationText(Math.max(0, deadline - Date.now()))} left)`
  const what = shows ? 'show the sealed ballot' : [...options, 'abstain'].map(clean).join(' | ')
  return [
    `${style.id(id)}  ${style.bold(clean(person))}: ${clean(question)}`,
    `  asked by ${clean(from)} ${timeText(askedAt)}${until}${left}`,
    ...(subject === null ? [] : [`  about ${clip(jsonText(subject), SUBJECT_CHARS)}`]),
    `  ${what}`,
    `  ${clean(decision)}, hash ${hash}`,
  ]
}

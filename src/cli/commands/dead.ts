import type { Command } from 'commander'
import { CoterieError } from '../../core/errors.ts'
import { messageOf } from '../../core/ids.ts'
import { contextOf, withSpace, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { messageView } from '../queries/message.ts'
import type { MessageView } from '../queries/message.ts'
import { messageLines } from '../render/message.ts'
import { clean, clip, counted } from '../render/text.ts'
import { timeText } from '../render/time.ts'
import { hangText } from '../render/wrap.ts'
import { countOf } from '../values.ts'

const LIMIT_DEFAULT = 100
const ERROR_CHARS = 300

const EXAMPLE = `
A message whose turn failed for good is dead: it is kept, with its error, until somebody retries or drops it.

Examples:
  $ coterie dead
  $ coterie dead show msg_01M82GP0N85N4GYAZQ0VD6MD95
  $ coterie dead retry msg_01M82GP0N85N4GYAZQ0VD6MD95
`

/** `coterie dead list`, `show`, `retry` and `drop`. */
export function addDead(root: Command): void {
  const command = root
    .command('dead')
    .description('List dead letters; show, retry or drop one.')
    .addHelpText('after', EXAMPLE)
  addList(command)
  addShow(command)
  addSettle(command, 'retry', 'put it back into its mailbox, with fresh attempts')
  addSettle(command, 'drop', 'give it up: it counts as cancelled')
}

function addList(parent: Command): void {
  const command = parent
    .command('list', { isDefault: true })
    .description('list them, oldest first (the default)')
    .option('--limit <n>', `how many (default: ${LIMIT_DEFAULT})`, countOf)
    .addHelpText('after', EXAMPLE)
    .action(async (flags: { readonly limit?: number }) => {
      const context = contextOf(command)
      const limit = flags.limit ?? LIMIT_DEFAULT
      const { rows, all } = await withStore(context, async (store) => {
        const page = await store.messagesOf({ state: 'dead', limit })
        return { rows: page, all: page.length < limit ? page.length : (await store.status()).messages.dead }
      })
      const letters = rows.map(messageView)
      if (context.json) for (const letter of letters) context.outJson(letter)
      else if (letters.length === 0) context.say('no dead letters')
      else for (const line of letters.flatMap((letter) => letterLines(letter, context))) context.out(line)
      if (all > rows.length)
        context.say(`these are the first ${rows.length} of ${all}: --limit ${all} shows all`)
    })
}

function addShow(parent: Command): void {
  const command = parent
    .command('show')
    .description('show one with its payload and its error')
    .argument('<id>', 'a message')
    .addHelpText('after', EXAMPLE)
    .action(async (id: string) => {
      const context = contextOf(command)
      const row = await withStore(context, (store) =>
        store.message(id.startsWith('turn_') ? messageOf(id) : id),
      )
      if (row === undefined) {
        throw new CoterieError('COTERIE_NOT_FOUND', `There is no message "${id}" in this space.`, {
          details: { id },
        })
      }
      if (row.state !== 'dead') {
        throw new CoterieError(
          'COTERIE_INVALID_ARGUMENT',
          `${id} is not a dead letter: it is ${row.state}.`,
          {
            details: { message: id, state: row.state },
          },
        )
      }
      const letter = messageView(row)
      if (context.json) context.outJson(letter)
      else for (const line of messageLines(letter, context)) context.out(line)
    })
}

function addSettle(parent: Command, name: 'retry' | 'drop', description: string): void {
  const command = parent
    .command(name)
    .description(description)
    .argument('<id>', 'a message')
    .addHelpText('after', EXAMPLE)
    .action(async (id: string) => {
      const context = contextOf(command)
      await withSpace(context, (space) => (name === 'retry' ? space.retryDead(id) : space.dropDead(id)))
      const state = name === 'retry' ? 'queued' : 'cancelled'
      if (context.json) context.outJson({ id, state })
      else context.out(`${id} is ${state}`)
    })
}

function letterLines(letter: MessageView, { style, listWidth }: CliContext): readonly string[] {
  const { id, from, to, handler, sentAt, attempts, error } = letter
  const why =
    error === null ? 'no error was kept' : `${clean(error.code)}: ${clip(error.message, ERROR_CHARS)}`
  const what = `${clean(to)} "${clean(handler)}" from ${clean(from)}`
  const parts = [style.id(id), what, timeText(sentAt), counted(attempts, 'attempt'), style.bad(why)]
  return hangText('', '  ', parts.join('  '), listWidth)
}

/**
 * `coterie council members`, `add` and `remove`: who the members are, and changing them.
 *
 * @module
 */

import type { Command } from 'commander'
import type { Change } from '../../bft/statements.ts'
import { CoterieError } from '../../core/errors.ts'
import { parseStrict } from '../../core/json.ts'
import { readCard, type Roster } from '../../council/roster.ts'
import {
  readMemberFolder,
  type AgreeResult,
  type ChangeStatus,
  type CouncilMembers,
  type MemberFolder,
} from '../../open-council.ts'
import { contextOf, type CliContext } from '../context.ts'
import { tableLines } from '../render/table.ts'
import { clean, jsonText } from '../render/text.ts'
import { readText, writeText } from '../values.ts'
import { askMember } from './reach.ts'

const ANSWER_MS = 10_000
/** The council orders an agreement, and then the change, in this time; a leader that is away takes some of it. */
const AGREE_MS = 20_000

const MEMBERS_EXAMPLE = `
Asks the replica that runs in the folder: the members, where they are reached, and the changes that wait for agreement.
With --out it writes the membership file with all changes since the first members, each with its proof. A new member
begins with that file, and certificates of any epoch verify with it.

Examples:
  $ coterie council members ./alice
  $ coterie council members ./alice --out council.json
`

const ADD_EXAMPLE = `
Agrees, with this member's key, that somebody becomes a member, whose card "coterie council key" has made. Compare the
card with its owner first. When a quorum of the members has agreed, each with this command, the member is one of them
from the next height on, in a new epoch. An agreement cannot be taken back; it is void when the members have changed.

No more weight may come and go at once than may lie: of four to six members, one at a time. The new member needs the
membership file, and may be started before the others have agreed or after.

Examples:
  $ coterie council add ./alice eve.json
  $ coterie council add ./bob eve.json
`

const REMOVE_EXAMPLE = `
Agrees, with this member's key, that a member leaves. When a quorum of the members has agreed, each with this command,
it is none any more from the next height on: its votes do not count, and its key never comes back. Four members must
remain. The one that leaves counts for the quorum until then, and may agree, too.

Example:
  $ coterie council remove ./bob alice
`

export function addMembers(parent: Command): void {
  const command = parent
    .command('members')
    .description('who the members are, and the changes that wait for agreement')
    .argument('<folder>', 'the folder of the member')
    .option('--out <file>', 'write the membership file, with all changes since the first members')
    .addHelpText('after', MEMBERS_EXAMPLE)
    .action(async (folder: string, { out }: { out?: string }) => {
      const context = contextOf(command)
      const place = readMemberFolder(folder)
      const found = (await askMember(context, place, 'members', {}, ANSWER_MS)) as CouncilMembers
      if (out !== undefined) {
        const roster = (await askMember(context, place, 'roster', {}, ANSWER_MS)) as Roster
        writeText(out, `${jsonText(roster, 2)}\n`)
        context.say(`wrote ${out}: ${roster.changes?.length ?? 0} changes since the first members`)
      }
      if (context.json) context.outJson({ v: 1, ...found })
      else for (const line of membersLines(found)) context.out(line)
    })
}

export function addAdd(parent: Command): void {
  const command = parent
    .command('add')
    .description('agree that somebody becomes a member')
    .argument('<folder>', 'the folder of the member that agrees')
    .argument('<card>', 'the card of the new member')
    .addHelpText('after', ADD_EXAMPLE)
    .action(async (folder: string, file: string) => {
      const { id, publicKey, weight, url } = readCard(parseStrict(readText(file)), file)
      const change = { add: [{ id, publicKey, weight, url }], remove: [] }
      await agree(contextOf(command), readMemberFolder(folder), change, `add FOLDER ${file}`)
    })
}

export function addRemove(parent: Command): void {
  const command = parent
    .command('remove')
    .description('agree that a member leaves')
    .argument('<folder>', 'the folder of the member that agrees')
    .argument('<name>', 'who is to leave')
    .addHelpText('after', REMOVE_EXAMPLE)
    .action(async (folder: string, name: string) => {
      const change = { add: [], remove: [name] }
      await agree(contextOf(command), readMemberFolder(folder), change, `remove FOLDER ${name}`)
    })
}

async function agree(
  context: CliContext,
  place: MemberFolder,
  change: Change,
  sameCommand: string,
): Promise<void> {
  const params = { change, timeoutMs: AGREE_MS }
  const found = (await askMember(context, place, 'agree', params, AGREE_MS + ANSWER_MS)) as AgreeResult
  const { outcome, epoch, status } = found
  const what = changeText(change)
  if (outcome === 'void') {
    const message =
      'The members have changed otherwise meanwhile. ' +
      `Look at them, and agree again to ${what} if it still fits.`
    throw new CoterieError('COTERIE_COUNCIL_UNREADY', message, { details: { epoch } })
  }
  if (context.json) return context.outJson({ v: 1, member: place.self, ...found })
  if (outcome === 'decided') {
    context.out(clean(`The members have agreed to ${what}: epoch ${epoch} has begun.`))
    return
  }
  if (status === null)
    context.out(clean(`${place.self} agrees to ${what}; the council has not noted it yet.`))
  else context.out(clean(`${place.self} agrees to ${what}: ${progressText(status)}.`))
  context.out(clean(`Other members agree with: coterie council ${sameCommand}`))
}

function membersLines({ instance, epoch, height, members, changes }: CouncilMembers): readonly string[] {
  const rows = members.map(({ id, weight, url, publicKey }) => [id, String(weight), url, publicKey])
  const lines = [
    `${instance}: epoch ${epoch}, height ${height}`,
    '',
    ...tableLines(['member', 'weight', 'url', 'key'], rows),
  ]
  if (changes.length > 0) lines.push('')
  for (const one of changes) lines.push(`To ${changeText(one.change)}: ${progressText(one)}.`)
  return lines.map(clean)
}

function changeText({ add, remove }: Change): string {
  const parts = [
    ...add.map(({ id, url, publicKey }) => `add ${id} (${url}, key ${publicKey})`),
    ...remove.map((id) => `remove ${id}`),
  ]
  return parts.join(' and ')
}

function progressText({ agreed, weight, needed }: ChangeStatus): string {
  return `${agreed.join(', ')} agree, ${weight} of the ${needed} by weight that it takes`
}

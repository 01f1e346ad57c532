/**
 * `coterie council key` and `init`: keys and the membership file.
 *
 * @module
 */

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { fileKeyring } from '../../adapters/node/keyring.ts'
import { systemRandom } from '../../adapters/node/random.ts'
import { councilCrypto } from '../../bft/crypto.ts'
import { isName } from '../../core/address.ts'
import { CoterieError } from '../../core/errors.ts'
import { canonicalize } from '../../core/json.ts'
import {
  epochsOf,
  isInSpace,
  isMemberUrl,
  makeRoster,
  readCard,
  readRoster,
  type MemberCard,
  type Roster,
  type RosterMember,
} from '../../council/roster.ts'
import { councilFiles, createReplicaFile, readMemberFolder, readRosterFile } from '../../open-council.ts'
import { contextOf, type CliContext } from '../context.ts'
import { jsonText } from '../render/text.ts'
import { countOf, readJson, writeText } from '../values.ts'

const INIT_EXAMPLE = `
With --members, everything is made on this machine: one folder for each member, with its key, the membership file and
an empty database. That is for trying things out: members under one owner, or on one machine, fail together.

With --join, the folder has this member's key already (coterie council key), and the cards of all members come from
those who run them. Everybody gives the same cards, in any order, and gets the same membership file.

With --from, the folder has the key of a member that is to join a council that runs: name the membership file that
"coterie council members" of one of its members has written, or the first one. Compare its name with its owners.

With --in-space, the members are agents of a space, and need no ports: "coterie council run" takes --db or --store.

Examples:
  $ coterie council init ./council --members alice,bob,carol,dave
  $ coterie council init ./council --members alice,bob,carol,dave --in-space
  $ coterie council init ./alice --name release-board --join alice.json bob.json carol.json dave.json
  $ coterie council init ./eve --from council.json
`

const KEY_EXAMPLE = `
Makes the member's private key in FOLDER/keys, which stays there, and prints its card: the id, the public key, and the
URL at which the others reach its replica: http://HOST:PORT, or space:AGENT when all live in one space. Hand the card to
the others.

Examples:
  $ coterie council key ./alice --id alice --url http://10.0.0.1:7300 --out alice.json
  $ coterie council key ./alice --id alice --url space:alice --out alice.json
`

const PORT = 7300
const PORT_MAX = 65_535

interface InitFlags {
  readonly members?: string
  readonly join?: readonly string[]
  readonly from?: string
  readonly name: string
  readonly port?: number
  readonly inSpace?: boolean
}

export function addKey(parent: Command): void {
  const command = parent
    .command('key')
    .description("make one member's key, and the card for the others")
    .argument('<folder>', 'the folder of the member')
    .requiredOption('--id <name>', 'the name of the member')
    .requiredOption('--url <url>', 'where the others reach it: http://HOST:PORT or space:AGENT')
    .option('--weight <n>', 'how much its vote weighs', countOf, 1)
    .option('--out <file>', 'write the card to a file')
    .addHelpText('after', KEY_EXAMPLE)
    .action((folder: string, flags: { id: string; url: string; weight: number; out?: string }) => {
      const context = contextOf(command)
      const { id, url, weight, out } = flags
      if (!isMemberUrl(url)) {
        const message = `${JSON.stringify(url)} is no URL of a member: write http://HOST:PORT or space:AGENT.`
        throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
      }
      const card = readCard(cardOf(folder, id, url, weight), 'This')
      writeText(councilFiles(folder).card, `${jsonText(card, 2)}\n`)
      if (out === undefined) context.out(jsonText(card, context.json ? undefined : 2))
      else {
        writeText(out, `${jsonText(card, 2)}\n`)
        context.say(`wrote ${out}; the private key stays in ${councilFiles(folder).keys}`)
      }
    })
}

export function addInit(parent: Command): void {
  const command = parent
    .command('init')
    .description('make the membership file, from cards or with keys for a council on this machine')
    .argument('<folder>', "the council's folder, or with --join the folder of the member")
    .addOption(
      new Option('--members <names>', 'make so many members here: alice,bob,carol,dave').conflicts('join'),
    )
    .option('--join <cards...>', 'the cards of all members')
    .addOption(
      new Option('--from <file>', 'join a council that runs: its membership file').conflicts([
        'join',
        'members',
      ]),
    )
    .option('--name <name>', 'the name of the council', 'council')
    .addOption(
      new Option('--port <n>', `with --members: the first port; each member has one (default: ${PORT})`)
        .argParser(countOf)
        .conflicts('inSpace'),
    )
    .option('--in-space', 'with --members: they are agents of a space, and have no ports')
    .addHelpText('after', INIT_EXAMPLE)
    .action(async (folder: string, flags: InitFlags) => {
      const context = contextOf(command)
      if (flags.from !== undefined) await joinRunning(context, folder, flags.from)
      else if (flags.join !== undefined) await joinCards(context, folder, flags.name, flags.join)
      else if (flags.members !== undefined) await makeAll(context, folder, flags, flags.members)
      else
        throw new CoterieError(
          'COTERIE_USAGE',
          'Name the members with --members, their cards with --join, or a membership file with --from.',
        )
    })
}

async function makeAll(
  context: CliContext,
  folder: string,
  { name, port = PORT, inSpace }: InitFlags,
  members: string,
): Promise<void> {
  const ids = members.split(',').map((id) => id.trim())
  const bad = ids.find((id) => !isName(id))
  if (bad !== undefined)
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${JSON.stringify(bad)} is no name of a member.`)
  if (port + ids.length - 1 > PORT_MAX)
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `There are not ${ids.length} ports from ${port} on.`)
  refuseExisting(councilFiles(folder).roster)
  const urlOf = (id: string, at: number): string =>
    inSpace === true ? `space:${id}` : `http://127.0.0.1:${port + at}`
  // Whatever is wrong with these members is found before anything is written for them.
  rosterOf(
    name,
    ids.map((id, at) => ({ ...draftOf(id), url: urlOf(id, at) })),
    'What these members make',
  )
  const cards = ids.map((id, at) => cardOf(join(folder, id), id, urlOf(id, at), 1))
  const roster = rosterOf(name, cards)
  writeText(councilFiles(folder).roster, fileText(roster))
  for (const id of ids) await settle(join(folder, id), roster)
  tell(
    context,
    roster,
    councilFiles(folder).roster,
    ids.map((id) => join(folder, id)),
  )
}

async function joinCards(
  context: CliContext,
  folder: string,
  name: string,
  files: readonly string[],
): Promise<void> {
  const cards = files.map((file) => readCard(readJson(file), file))
  refuseExisting(councilFiles(folder).roster)
  const roster = rosterOf(name, cards)
  await settle(folder, roster)
  tell(context, roster, councilFiles(folder).roster, [folder])
}

/** One who comes later begins with the first members, and learns the others from what they have decided. */
async function joinRunning(context: CliContext, folder: string, file: string): Promise<void> {
  const roster = readRosterFile(file)
  const epochs = epochsOf(councilCrypto(nodeCrypto), roster)
  refuseExisting(councilFiles(folder).roster)
  await settle(folder, roster)
  const { self } = readMemberFolder(folder)
  const { instance } = roster
  const members = epochs.at(-1)?.members ?? roster.members
  if (context.json) return context.outJson({ v: 1, instance, file: councilFiles(folder).roster, members })
  context.out(`${self} is ready to join ${instance}: ${members.map(({ id }) => id).join(', ')}.`)
  context.out('A quorum of them must agree: coterie council add FOLDER CARD. Start it with:')
  context.out(`  coterie council run ${folder}${isInSpace(roster) ? ' --db FILE' : ''}`)
}

/** The council's name ends with a digest of its members, so that two councils never have one name. */
function rosterOf(name: string, cards: readonly RosterMember[], what = 'What these cards make'): Roster {
  const { members } = makeRoster(name, cards)
  const keys = members.map(({ id, publicKey, weight }) => ({ id, publicKey, weight }))
  const digest = nodeCrypto.sha256(canonicalize(keys)).slice(0, 12)
  return readRoster(makeRoster(`${name}-${digest}`, cards), what)
}

/** A member with a key that nobody keeps. */
function draftOf(id: string): Omit<RosterMember, 'url'> {
  return { id, publicKey: nodeCrypto.keyPair(systemRandom.bytes(32)).publicKey, weight: 1 }
}

async function settle(folder: string, roster: Roster): Promise<void> {
  const file = councilFiles(folder).roster
  mkdirSync(folder, { recursive: true })
  writeText(file, fileText(roster))
  try {
    await createReplicaFile(readMemberFolder(folder))
  } catch (error) {
    // There was none before: what is refused leaves nothing behind.
    rmSync(file, { force: true })
    throw error
  }
}

function cardOf(folder: string, id: string, url: string, weight: number): MemberCard {
  mkdirSync(folder, { recursive: true })
  const { publicKey } = fileKeyring(councilFiles(folder).keys, nodeCrypto, systemRandom).create(id)
  return { v: 1, type: 'coterie.council-member', id, publicKey, weight, url }
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return
  const message = `There is a membership file ${file} already: name another folder, or move it away.`
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', message, { details: { file } })
}

function tell(context: CliContext, roster: Roster, file: string, folders: readonly string[]): void {
  if (context.json) {
    context.outJson({ v: 1, instance: roster.instance, file: resolve(file), members: roster.members })
    return
  }
  const mayLie = Math.floor((roster.members.length - 1) / 3)
  context.out(
    `The council ${roster.instance} has ${roster.members.length} members; ${mayLie} may lie or be away.`,
  )
  context.out(`Its membership file is ${file}. Start each member with:`)
  const where = isInSpace(roster) ? ' --db FILE' : ''
  for (const folder of folders) context.out(`  coterie council run ${folder}${where}`)
}

function fileText(roster: Roster): string {
  return `${jsonText(roster, 2)}\n`
}

/**
 * The demo of councils: four processes decide on the packages of a lock file; one lies, another is killed.
 * `npm run demo:council [-- --traitor equivocate|forge|silent|none] [--json] [--help]`
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { canonicalize } from '../../src/core/json.ts'
import type { DecisionCertificate } from '../../src/open-council.ts'
import { Crew } from './crew.ts'
import { KINDS, type Kind } from './lies.ts'
import { LOCKFILE, MEMBERS, PACKAGES } from './panel.ts'
import { linesOf, type Result } from './report.ts'

const USAGE = `Four replicas, each a process with its own key and its own database, decide on the packages of
examples/council/package-lock.json. One of them lies, another is killed with kill -9 and started again.
Every certificate is then verified by another process, from the public keys alone.

  npm run demo:council -- [options]

  --traitor KIND  how "licences" lies (default: equivocate)
                    equivocate  it says one thing to some and another to the rest
                    forge       it makes up certificates and signs votes in others' names
                    silent      it listens and says nothing
                    none        nobody lies
  --json          print one JSON document, and nothing else
  --help          this text

Exit codes: 0 everything held; 1 something did not; 2 bad input; 130 stopped by Ctrl-C.
`

const TRAITOR = 'licences'
const ASKER = 'provenance'
const VICTIM = 'look-alikes'
/** A vote is over when its outcome is certain; this is for when it never is, as a silent member may yet answer. */
const VOTE_MS = 20_000
const VOTE_MS_SILENT = 4_000
const ANSWER_MS = 40_000
/** Decisions before the victim is killed. */
const BEFORE_KILL = 3

interface Options {
  readonly kind: Kind | undefined
  readonly json: boolean
}

async function run({ kind, json }: Options, crew: Crew): Promise<Result> {
  const say = (line: string): void => {
    if (!json) process.stderr.write(`${line}\n`)
  }
  const startedAt = performance.now()
  await Promise.all(MEMBERS.map((member) => crew.start(member)))
  const processes = MEMBERS.map((member) => ({ member, pid: crew.pid(member) }))
  say(`four replicas run: ${processes.map(({ member, pid }) => `${member} (${pid})`).join(', ')}`)

  const readyAt = performance.now()
  const voteMs = kind === 'silent' ? VOTE_MS_SILENT : VOTE_MS
  const first = await wait(crew, await open(crew, PACKAGES.slice(0, BEFORE_KILL), voteMs))
  const asked = open(crew, PACKAGES.slice(BEFORE_KILL), voteMs)
  await crew.kill(VICTIM)
  say(`${VICTIM} (${processes.find(({ member }) => member === VICTIM)?.pid ?? 0}) killed with kill -9`)
  const restarted = crew.start(VICTIM).then(() => say(`${VICTIM} started again (${crew.pid(VICTIM)})`))
  const [rest] = await Promise.all([asked.then((names) => wait(crew, names)), restarted])
  const certificates = [...first, ...rest]
  const decidedAt = performance.now()

  const honest = MEMBERS.filter((member) => kind === undefined || member !== TRAITOR)
  const copies = await Promise.all(honest.map((member) => copiesOf(crew, member, certificates)))
  const same = copies.every((count) => count === certificates.length)
  const evidence = await crew.ask(ASKER, 'evidence', {}, ANSWER_MS)
  const status = await crew.ask(ASKER, 'status', {}, ANSWER_MS)
  const checked = await verify(crew, certificates, evidence as readonly { readonly evidence: unknown }[])
  return {
    v: 1,
    lockfile: LOCKFILE,
    members: MEMBERS,
    processes,
    traitor: kind === undefined ? null : { member: TRAITOR, kind },
    killed: { member: VICTIM, after: BEFORE_KILL, pid: crew.pid(VICTIM) },
    certificates,
    agreed: { members: honest, same },
    evidence: evidence as Result['evidence'],
    status: status as Result['status'],
    checked,
    startMs: Math.round(readyAt - startedAt),
    decideMs: Math.round(decidedAt - readyAt),
    totalMs: Math.round(performance.now() - startedAt),
  }
}

/** Puts packages to the vote. */
async function open(crew: Crew, packages: readonly string[], timeoutMs: number): Promise<readonly string[]> {
  const rule = { type: 'supermajority', numerator: 3, denominator: 4 }
  const asked = packages.map(async (id) => {
    const question = {
      question: `May we install ${id}?`,
      subject: id,
      rule,
      otherwise: 'reject',
      timeoutMs,
    }
    return (await crew.ask(ASKER, 'open', question, ANSWER_MS)) as { readonly decision: string }
  })
  return (await Promise.all(asked)).map(({ decision }) => decision)
}

function wait(crew: Crew, decisions: readonly string[]): Promise<readonly DecisionCertificate[]> {
  const params = { timeoutMs: ANSWER_MS }
  const found = decisions.map((decision) => crew.ask(ASKER, 'wait', { ...params, decision }, ANSWER_MS))
  return Promise.all(found) as Promise<readonly DecisionCertificate[]>
}

/** How many of the certificates a member has, with the same votes and the same outcome. It may yet be catching up. */
async function copiesOf(
  crew: Crew,
  member: string,
  certificates: readonly DecisionCertificate[],
): Promise<number> {
  const params = { timeoutMs: ANSWER_MS }
  const own = await Promise.all(
    certificates.map(({ vote }) =>
      crew.ask(member, 'wait', { ...params, decision: vote.proposal.decision }, ANSWER_MS),
    ),
  )
  const words = ({ vote, value }: DecisionCertificate): string => canonicalize([vote, value.height])
  return own.filter((one, at) => {
    const mine = certificates[at]
    return mine !== undefined && words(one as DecisionCertificate) === words(mine)
  }).length
}

/** Lets another process verify everything, from files alone; and shows that it would notice a change. */
async function verify(
  crew: Crew,
  certificates: readonly DecisionCertificate[],
  evidence: readonly { readonly evidence: unknown }[],
): Promise<Result['checked']> {
  const files = certificates.map((certificate) => {
    const file = join(crew.folder, `${certificate.vote.proposal.decision}.json`)
    writeFileSync(file, JSON.stringify(certificate))
    return file
  })
  const { instance } = certificates[0] ?? { instance: '' }
  const proof = join(crew.folder, 'evidence.json')
  const document = {
    v: 1,
    type: 'coterie.council-evidence',
    instance,
    evidence: evidence.map((one) => one.evidence),
  }
  writeFileSync(proof, JSON.stringify(document))
  const changed = join(crew.folder, 'changed.json')
  writeFileSync(changed, JSON.stringify(certificates[0]).replace('"outcome":"reject"', '"outcome":"approve"'))
  const keys = ['--keys', crew.rosterFile, '--json']
  const [all, accused, refused] = await Promise.all([
    crew.command('verify', ...files.flatMap((file) => ['--certificate', file]), ...keys),
    crew.command('verify', '--evidence', proof, ...keys),
    crew.command('verify', '--certificate', changed, ...keys),
  ])
  return {
    certificates: all.code === 0 ? all.text.trim().split('\n').length : 0,
    certificatesSaid: all.text.trim(),
    changedRefused: refused.code === 3,
    evidence:
      accused.code === 0
        ? (JSON.parse(accused.text) as { proven: Result['checked']['evidence'] }).proven
        : [],
    evidenceHolds: accused.code === 0,
  }
}

function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      traitor: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return 'help'
  const named = values.traitor ?? 'equivocate'
  const kind = KINDS.find((one) => one === named)
  if (kind === undefined && named !== 'none')
    throw new Error(`--traitor is ${KINDS.join(', ')} or none, and not ${JSON.stringify(named)}.`)
  return { kind, json: values.json === true }
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help'
  try {
    options = readOptions(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)} See --help.\n`)
    return 2
  }
  if (options === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const { kind, json } = options
  const crew = await Crew.make(MEMBERS, kind === undefined ? undefined : { member: TRAITOR, kind })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      crew.end()
      process.exit(130)
    })
  }
  try {
    const result = await run(options, crew)
    const { lines, ok } = linesOf(result)
    process.stdout.write(json ? `${JSON.stringify({ ...result, ok })}\n` : `${lines.join('\n')}\n`)
    return ok ? 0 : 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${crew.noise}\n`)
    return 1
  } finally {
    crew.end()
  }
}

process.exitCode = await main(process.argv.slice(2))

/**
 * The oracle: judges at the end of a run, by the database alone, whether every promise was kept.
 *
 * @module
 */

import { LogVerifier } from '../../log/log-verifier.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SpaceStore } from '../../ports/store.ts'
import { verifyCertificate } from '../../voting/certificate.ts'
import { gather } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import type { Told } from './load.ts'
import { judgeEffects } from './oracle-effects.ts'
import { judgeMessages } from './oracle-messages.ts'
import { judgeOrder } from './oracle-order.ts'
import { judgeSteps } from './oracle-steps.ts'
import type { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Everything that is wrong, by all that can be seen. */
export async function judge(
  store: SpaceStore,
  crypto: Crypto,
  world: World,
  told: readonly Told[],
): Promise<{ readonly violations: readonly Violation[]; readonly evidence: Evidence }> {
  const evidence = await gather(store)
  const violations = [
    ...world.violations,
    ...judgeLog(evidence),
    ...judgeMessages(evidence, told),
    ...judgeOrder(evidence, world),
    ...judgeEffects(evidence),
    ...judgeSteps(evidence, world),
    ...(await judgeStatus(store, evidence)),
    ...(await judgeProofs(store, crypto, evidence)),
  ]
  return { violations, evidence }
}

function judgeLog({ records, streams, byId }: Evidence): readonly Violation[] {
  const found: Violation[] = []
  const heads = new Map<string, { seq: number; hash: string; epoch: number }>()
  const versions = new Map<string, number>()
  let owners = 0
  records.forEach(({ record, body }, index) => {
    const { position, author } = record
    const what = `the record at ${position} of ${author}`
    if (position !== index)
      found.push({ rule: 'positions are gap-free', detail: `${what} is number ${index}` })
    const head = heads.get(author) ?? { seq: -1, hash: '', epoch: 0 }
    if (record.seq !== head.seq + 1 || record.prev !== head.hash) {
      found.push({ rule: 'chains are unbroken', detail: `${what} does not follow number ${head.seq}` })
    }
    const epoch = body.epoch ?? head.epoch
    if (epoch < head.epoch) {
      found.push({ rule: 'epochs never go back', detail: `${what} has epoch ${epoch} after ${head.epoch}` })
    }
    for (const { stream, version } of body.reads ?? []) {
      const actual = stream === '@agents' ? owners : (versions.get(stream) ?? 0)
      if (version === actual) continue
      found.push({
        rule: 'no stale decisions',
        detail: `${what} read version ${version} of ${stream}, which was at ${actual}`,
      })
    }
    for (const { stream, version } of body.events ?? []) {
      if (version !== (versions.get(stream) ?? 0) + 1) {
        found.push({ rule: 'events are contiguous', detail: `${what} appends ${stream} ${version}` })
      }
      versions.set(stream, version)
    }
    if (author === '@owner') owners += 1
    heads.set(author, { seq: record.seq, hash: record.hash, epoch })
  })
  for (const [stream, events] of streams) {
    if (events.length !== versions.get(stream)) {
      found.push({ rule: 'all or nothing', detail: `${stream} has ${events.length} events in the store` })
    }
    for (const { type, version, data, position } of events) {
      const turn = records[position]?.body.turn
      // This one has declared that a moved stream is no matter to it.
      if (byId.get(turn?.message.id ?? '')?.row.envelope.handler === 'loose') continue
      const counted = type === 'counted' ? (JSON.parse(data) as { n: number }).n : version
      if (counted === version) continue
      found.push({
        rule: 'no stale decisions',
        detail: `${stream}: event ${version} was counted as ${counted}`,
      })
    }
  }
  return found
}

async function judgeStatus(store: SpaceStore, { stories }: Evidence): Promise<readonly Violation[]> {
  const status = await store.status()
  const found: Violation[] = []
  const seen: Record<string, number> = {}
  for (const { row } of stories) seen[row.state] = (seen[row.state] ?? 0) + 1
  for (const [state, count] of Object.entries(status.messages)) {
    if (count !== (seen[state] ?? 0)) {
      found.push({
        rule: 'counters are true',
        detail: `${count} messages ${state}, and there are ${seen[state] ?? 0}`,
      })
    }
  }
  for (const { address, depth, waiting } of status.mailboxes) {
    const open = stories.filter(
      ({ row }) => row.envelope.to === address && row.envelope.kind !== 'reply' && row.settledAt === null,
    )
    if (depth !== open.length || waiting > depth) {
      found.push({
        rule: 'counters are true',
        detail: `${address} has depth ${depth}, and ${open.length} are open`,
      })
    }
  }
  return found
}

/** The product's own verifier agrees. */
async function judgeProofs(
  store: SpaceStore,
  crypto: Crypto,
  evidence: Evidence,
): Promise<readonly Violation[]> {
  const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate, space: store.id })
  for (const { record } of evidence.records) {
    verifier.record(record)
    for (const { row } of evidence.stories) if (row.position === record.position) verifier.message(row)
  }
  const streams = new Set([...verifier.streams(), ...(await store.streams(null, Number.MAX_SAFE_INTEGER))])
  for (const stream of streams) verifier.stream(stream, (await store.stream(stream)).events)
  const turns = new Set([...verifier.turns(), ...(await store.journals(null, Number.MAX_SAFE_INTEGER))])
  for (const turn of turns) verifier.journal(turn, await store.journal(turn))
  for (const decision of await store.decisions(null, evidence.records.length)) verifier.decision(decision)
  const { ok, fault } = verifier.finish()
  if (ok) return []
  return [
    { rule: 'the log verifies', detail: `at ${fault?.position}, by ${fault?.author}: ${fault?.reason}` },
  ]
}

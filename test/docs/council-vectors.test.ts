import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto, type DigestKind } from '../../src/bft/crypto.ts'
import { makeMembership, type Member } from '../../src/bft/membership.ts'
import { COUNCIL_PAYLOAD_TYPES, statementBytes, type Statement } from '../../src/bft/statements.ts'
import { toHex } from '../../src/core/bytes.ts'
import type { Json } from '../../src/core/json.ts'
import { CoterieError } from '../../src/core/errors.ts'
import type { DecisionCertificate } from '../../src/council/certificate.ts'
import { verifyByRoster } from '../../src/council/verify-by-roster.ts'
import { verifyEvidenceFile } from '../../src/council/evidence.ts'
import type { Roster } from '../../src/council/roster.ts'
import { NAMES, TestCouncil } from '../council/kit.ts'
import { leavesOf, withLeaf } from './leaves.ts'
import { runPython, skip, VECTORS } from './python.ts'
import { changed, type Change } from './refused-logs.ts'

interface CouncilFile {
  readonly memberships: readonly {
    readonly epoch: number
    readonly members: readonly Member[]
    readonly digest: string
    readonly total: number
    readonly mayLie: number
    readonly quorum: number
  }[]
  readonly digests: readonly { readonly kind: DigestKind; readonly value: Json; readonly digest: string }[]
  readonly signed: readonly {
    readonly statement: Statement
    readonly pae: string
    readonly publicKey: string
    readonly signature: string
  }[]
  readonly councils: Readonly<Record<string, Roster>>
  readonly certificate: DecisionCertificate
  readonly accepted: readonly Judged[]
  readonly refused: readonly Judged[]
  readonly evidence: {
    readonly accepted: readonly { readonly name: string; readonly culprits: string[]; readonly file: Json }[]
    readonly refused: readonly { readonly name: string; readonly file: Json }[]
  }
}

interface Judged {
  readonly name: string
  readonly council?: string
  readonly roster?: Roster
  readonly outcome?: string
  /** What is to be changed in the certificate of the file; or a document of its own. */
  readonly changes?: readonly Change[]
  readonly certificate?: unknown
}

const COUNCIL = councilCrypto(crypto)
const file = JSON.parse(readFileSync(join(VECTORS, 'council.json'), 'utf8')) as CouncilFile
const four = file.councils['four'] as Roster

function outcomeOf(certificate: unknown, roster: Roster): string | undefined {
  try {
    const verdict = verifyByRoster({ crypto, council: COUNCIL }, certificate, roster)
    return verdict.ok ? verdict.certificate.vote.outcome : undefined
  } catch (error) {
    // The file itself does not hold.
    assert.ok(error instanceof CoterieError, String(error))
    return undefined
  }
}

function documentOf({ certificate, changes = [] }: Judged): unknown {
  return certificate ?? changed(file.certificate, changes)
}

function rosterFor({ roster, council = '' }: Judged): Roster {
  return roster ?? (file.councils[council] as Roster)
}

describe('council.json', () => {
  test('has members with their digest and the weight of a quorum', () => {
    for (const { epoch, members, digest, total, mayLie, quorum } of file.memberships) {
      const made = makeMembership(COUNCIL, epoch, members.toReversed())
      assert.deepEqual(made.members, members)
      const { totalWeight, faultyWeight, quorumWeight } = made
      assert.deepEqual(
        [made.digest, totalWeight, faultyWeight, quorumWeight],
        [digest, total, mayLie, quorum],
      )
    }
  })

  test('has digests of each kind that a verifier computes', () => {
    for (const { kind, value, digest } of file.digests) assert.equal(COUNCIL.digest(kind, value), digest)
  })

  test('has every statement that a member signs', () => {
    const types = file.signed.map(({ statement }) => statement.type)
    assert.deepEqual(types.toSorted(), Object.keys(COUNCIL_PAYLOAD_TYPES).toSorted())
    for (const { statement, pae, publicKey, signature } of file.signed) {
      assert.equal(toHex(statementBytes(statement)), pae)
      assert.ok(COUNCIL.verify(publicKey, statement, signature))
    }
  })

  for (const one of file.accepted) {
    test(`has a certificate that holds: ${one.name}`, () => {
      assert.equal(outcomeOf(documentOf(one), rosterFor(one)), one.outcome)
    })
  }

  for (const one of file.refused) {
    test(`has a certificate that is refused: ${one.name}`, () => {
      assert.equal(outcomeOf(documentOf(one), rosterFor(one)), undefined)
    })
  }

  for (const { name, culprits, file: evidence } of file.evidence.accepted) {
    test(`has evidence that a member ${name}`, () => {
      const verdict = verifyEvidenceFile(COUNCIL, four, evidence)
      assert.deepEqual(verdict.ok && verdict.proven.map(({ culprit }) => culprit), culprits)
    })
  }

  for (const { name, file: evidence } of file.evidence.refused) {
    test(`has evidence that proves nothing: ${name}`, () => {
      assert.equal(verifyEvidenceFile(COUNCIL, four, evidence).ok, false)
    })
  }

  test('proves nothing any more with any one leaf of a certificate changed', () => {
    const { certificate: good } = file
    const leaves = leavesOf(good)
    assert.ok(leaves.length > 80)
    for (const path of leaves) assert.equal(outcomeOf(withLeaf(good, path), four), undefined, path.join('/'))
  })
})

test('a certificate of later members proves nothing with any one leaf of it changed', () => {
  const one = file.accepted.find(({ name }) => name === 'of members who became so by a change')
  assert.ok(one !== undefined)
  const good = documentOf(one)
  assert.equal(outcomeOf(good, four), 'yes')
  const leaves = leavesOf(good)
  assert.ok(leaves.some(([first]) => first === 'changes'))
  for (const path of leaves) assert.equal(outcomeOf(withLeaf(good, path), four), undefined, path.join('/'))
})

describe('a verifier of councils in another language, written from the format text', () => {
  const council = new TestCouncil(NAMES, ['eve'])
  const folder = mkdtempSync(join(tmpdir(), 'coterie-council-vectors-'))
  const stay = setInterval(() => undefined, 1_000)
  let certificate: DecisionCertificate

  before(async () => {
    await council.startAll()
    certificate = await council.get('bob').propose({ question: 'May we?', subject: { name: 'left-pad' } })
  })

  after(async () => {
    await council.close()
    clearInterval(stay)
    rmSync(folder, { recursive: true, force: true })
  })

  function write(name: string, value: unknown): string {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify(value))
    return path
  }

  test('accepts the certificate of a council that ran, and no other version of it', { skip }, () => {
    const keys = write('council.json', council.roster)
    const good = runPython('--certificate', write('good.json', certificate), '--keys', keys)
    assert.deepEqual([good.status, good.said.trim()], [0, 'holds: approve'])
    const changed = { ...certificate, vote: { ...certificate.vote, outcome: 'reject' } }
    assert.equal(runPython('--certificate', write('bad.json', changed), '--keys', keys).status, 3)
  })

  test('follows the changes of the members of a council that ran', { skip }, async () => {
    const publicKey = council.keys.get('eve')?.publicKey ?? assert.fail()
    const change = { add: [{ id: 'eve', publicKey, weight: 1, url: 'http://eve:1' }], remove: [] }
    await Promise.all(['alice', 'bob', 'carol'].map((name) => council.get(name).agree(change, 10_000)))
    const late = await council.get('alice').propose({ question: 'And now?' })
    assert.equal(late.epoch, 1)
    const good = write('late.json', late)
    for (const roster of [council.roster, council.get('alice').roster()]) {
      const said = runPython('--certificate', good, '--keys', write('members.json', roster))
      assert.deepEqual([said.status, said.said.trim()], [0, 'holds: approve'])
    }
  })

  test('refuses a certificate with any one leaf changed', { skip }, () => {
    const certificates = leavesOf(certificate).map((path) => withLeaf(certificate, path))
    const data = write('changed.json', { certificates, file: council.roster })
    const program = [
      'import json, sys',
      'sys.path.insert(0, sys.argv[1])',
      'import verify',
      'data = json.load(open(sys.argv[2]))',
      'def judge(one):',
      '    try:',
      '        return verify.verify_council_certificate(one, data["file"])',
      '    except verify.Refused:',
      '        return None',
      'print(json.dumps([judge(one) for one in data["certificates"]]))',
    ].join('\n')
    const args = ['-B', '-c', program, VECTORS, data]
    const { stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' })
    assert.notEqual(stdout, '', stderr)
    assert.deepEqual(new Set(JSON.parse(stdout) as unknown[]), new Set([null]))
  })

  test('names the guilty of evidence, and refuses what proves nothing', { skip }, () => {
    const keys = write('council.json', four)
    const [good] = file.evidence.accepted
    const [bad] = file.evidence.refused
    const proven = runPython('--evidence', write('evidence.json', good?.file), '--keys', keys)
    assert.deepEqual([proven.status, proven.said.trim()], [0, "holds: ['carol']"])
    assert.equal(runPython('--evidence', write('nothing.json', bad?.file), '--keys', keys).status, 3)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { fromHex } from '../../src/core/bytes.ts'
import { turnOf } from '../../src/core/ids.ts'
import { canonicalize, parseCanonical, parseStrict, type Json } from '../../src/core/json.ts'
import type { Envelope } from '../../src/core/message.ts'
import { trustedKeys, type KeyFile } from '../../src/cli/key-file.ts'
import { LogVerifier, type LogReport } from '../../src/log/log-verifier.ts'
import { open } from '../../src/index.ts'
import { rootFromPath } from '../../src/merkle/tree.ts'
import { verifyCertificate } from '../../src/voting/certificate.ts'
import { bold, cautious, clerk, intake, lead } from '../fixtures/cli/agents.ts'
import { certificateVectors } from './certificate-vectors.ts'
import { councilVectors } from './council-vectors.ts'
import type { Log } from './log-vectors.ts'
import { changed, logVectors, type Change } from './refused-logs.ts'
import { randomVotes } from './random-votes.ts'
import { runPython, skip, VECTORS as FOLDER } from './python.ts'
import { canonicalVectors, keyVectors, merkleVectors, signatureVectors } from './vectors.ts'

const FILES: Readonly<Record<string, () => object>> = {
  'canonical.json': canonicalVectors,
  'certificates.json': certificateVectors,
  'council.json': councilVectors,
  'keys.json': keyVectors,
  'log.json': logVectors,
  'merkle.json': merkleVectors,
  'signatures.json': signatureVectors,
}

const sha256 = (data: Uint8Array): string => crypto.sha256(data)

/** A file of vectors. */
function vectors(file: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))
}

for (const [file, make] of Object.entries(FILES)) {
  const text = `${JSON.stringify(make(), null, 1)}\n`
  if (process.env['UPDATE'] === '1') writeFileSync(join(FOLDER, file), text)
  test(`the code makes exactly the vectors of ${file} (UPDATE=1 rewrites them)`, () => {
    assert.equal(readFileSync(join(FOLDER, file), 'utf8'), text)
  })
}

interface CanonicalFile {
  readonly canonical: readonly { readonly text: string; readonly sha256: string }[]
  readonly spellings: readonly { readonly text: string; readonly canonical: string }[]
  readonly refused: readonly { readonly text: string; readonly reason: string }[]
}

describe('canonical.json', () => {
  const { canonical, spellings, refused } = vectors('canonical.json') as CanonicalFile

  test('has texts that are canonical', () => {
    for (const { text, sha256 } of canonical) {
      assert.equal(canonicalize(parseCanonical(text)), text)
      assert.equal(crypto.sha256(text), sha256)
    }
  })

  test('has other spellings of a value, which a signed text must not have', () => {
    for (const { text, canonical } of spellings) {
      assert.equal(canonicalize(parseStrict(text)), canonical)
      assert.throws(() => parseCanonical(text), { code: 'COTERIE_INVALID_JSON' })
    }
  })

  for (const { text, reason } of refused) {
    test(`has a text that is refused: ${reason}, ${text.slice(0, 30)}`, () => {
      assert.throws(() => parseStrict(text), { code: 'COTERIE_INVALID_JSON' })
    })
  }
})

interface Signed {
  readonly pae: string
  readonly publicKey: string
  readonly signature: string
}

interface SignatureFile {
  readonly signed: readonly Signed[]
  readonly refused: readonly (Signed & { readonly reason: string })[]
}

test('signatures.json has signatures that hold, and others that do not', () => {
  const { signed, refused } = vectors('signatures.json') as SignatureFile
  assert.ok(signed.length >= 3)
  for (const { pae, publicKey, signature } of signed)
    assert.ok(crypto.verify(publicKey, fromHex(pae), signature))
  for (const { pae, publicKey, signature, reason } of refused)
    assert.equal(crypto.verify(publicKey, fromHex(pae), signature), false, reason)
})

interface MerkleFile {
  readonly leaves: readonly string[]
  readonly trees: readonly { readonly size: number; readonly root: string; readonly paths: string[][] }[]
  readonly noRoot: readonly { leaf: string; index: number; size: number; path: string[]; reason: string }[]
}

test('merkle.json has paths that lead to their root, and others that lead nowhere', () => {
  const { leaves, trees, noRoot } = vectors('merkle.json') as MerkleFile
  for (const { size, root, paths } of trees) {
    paths.forEach((path, index) => {
      assert.equal(rootFromPath(sha256, leaves[index] ?? '', index, size, path), root)
    })
  }
  for (const { leaf, index, size, path, reason } of noRoot)
    assert.equal(rootFromPath(sha256, leaf, index, size, path), undefined, reason)
})

interface LogFile {
  readonly space: string
  readonly owner: string
  readonly checked: object
  readonly log: Log
  readonly accepted: readonly { readonly name: string; readonly changes: Change[] }[]
  readonly refused: readonly {
    readonly name: string
    readonly position?: number
    readonly changes: Change[]
  }[]
}

/** Gives the verifier a log as the vectors have it. A store's own columns are not part of them. */
function verify({ records, messages, events, chunks, decisions }: Log, pins: object): LogReport {
  const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate, ...pins })
  for (const record of records) {
    if (!verifier.record(record)) break
    for (const message of messages.filter(({ position }) => position === record.position)) {
      const envelope = JSON.parse(message.text) as Envelope
      const rest = { attempts: 0, segments: 0, crashes: 0, queue: 0, state: 'queued' } as const
      const row = { ...message, ...rest, envelope, dueAt: null, error: null, reason: null, settledAt: null }
      if (!verifier.message(row)) break
    }
  }
  for (const name of new Set([...verifier.streams(), ...events.map(({ stream }) => stream)]))
    verifier.stream(
      name,
      events.filter(({ stream }) => stream === name),
    )
  for (const turn of new Set([...verifier.turns(), ...chunks.map((chunk) => chunk.turn)]))
    verifier.journal(
      turn,
      chunks.filter((chunk) => chunk.turn === turn),
    )
  for (const decision of decisions) verifier.decision(decision)
  return verifier.finish({ live: true })
}

describe('log.json', () => {
  const { space, owner, checked, log, accepted, refused } = vectors('log.json') as LogFile

  test('has a log that verifies', () => {
    const report = verify(log, { space, owner })
    assert.deepEqual(report.fault, undefined)
    assert.deepEqual(report.checked, checked)
  })

  for (const { name, changes } of accepted) {
    test(`has a log that verifies all the same: ${name}`, () => {
      assert.deepEqual(verify(changed(log, changes), { space, owner }).fault, undefined)
    })
  }

  for (const { name, position, changes } of refused) {
    test(`has a log that is refused: ${name}`, () => {
      const { ok, fault } = verify(changed(log, changes), { space, owner })
      assert.equal(ok, false)
      if (position !== undefined) assert.equal(fault?.position, position, fault?.reason)
    })
  }
})

interface CertificateFile {
  readonly keys: KeyFile
  readonly accepted: readonly {
    readonly name: string
    readonly outcome: string
    readonly certificate: Json
  }[]
  readonly refused: readonly { readonly name: string; readonly certificate: Json }[]
}

describe('certificates.json', () => {
  const { keys, accepted, refused } = vectors('certificates.json') as CertificateFile
  const judge = (certificate: Json): string | undefined => {
    const verdict = verifyCertificate(crypto, certificate, trustedKeys(keys))
    return verdict.ok && verdict.certificate.proposal.space === keys.space
      ? verdict.certificate.outcome
      : undefined
  }

  for (const { name, outcome, certificate } of accepted) {
    test(`has a certificate that holds: ${name}`, () => assert.equal(judge(certificate), outcome))
  }

  for (const { name, certificate } of refused) {
    test(`has a certificate that is refused: ${name}`, () => assert.equal(judge(certificate), undefined))
  }
})

describe('a verifier in another language, written from the format text', () => {
  test('comes to the same answers on all vectors', { skip }, () => {
    const { status, said } = runPython(FOLDER)
    assert.equal(status, 0, said)
    const { refused } = vectors('log.json') as LogFile
    assert.match(said, new RegExp(`log\\.json: \\d+ accepted, ${refused.length} refused, 0 wrong`))
    assert.match(said, /council\.json: \d{2,} accepted, \d{3,} refused, 0 wrong/)
  })

  test('counts random votes under random rules as we do', { skip }, () => {
    const { keys } = vectors('certificates.json') as CertificateFile
    const votes = randomVotes(keys.space, 60, 7)
    const folder = mkdtempSync(join(tmpdir(), 'coterie-votes-'))
    try {
      const file = join(folder, 'votes.json')
      writeFileSync(file, JSON.stringify({ keys, votes }))
      const program = [
        'import json, sys',
        'sys.path.insert(0, sys.argv[1])',
        'import verify',
        'data = json.load(open(sys.argv[2]))',
        'print(json.dumps([verify.verify_with_keys_file(v, data["keys"]) for v in data["votes"]]))',
      ].join('\n')
      const { stdout, stderr } = spawnSync('python3', ['-B', '-c', program, FOLDER, file], {
        encoding: 'utf8',
      })
      assert.notEqual(stdout, '', stderr)
      const outcomes = votes.map(({ outcome }) => outcome)
      assert.deepEqual(JSON.parse(stdout), outcomes)
      // A sample that never ties, never fails and never decides would prove little.
      assert.ok(new Set(outcomes).size >= 4)
      assert.ok(new Set(votes.map(({ tally }) => tally.why)).size >= 4)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test(
    'accepts the log of agents that ran, and refuses it with one character changed',
    { skip },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'coterie-vectors-'))
      try {
        const file = join(folder, 'log.json')
        const log = await realLog()
        writeFileSync(file, JSON.stringify({ log }))
        const { status, said } = runPython('--log', file)
        assert.equal(status, 0, said)
        assert.match(said, new RegExp(`holds: ${log.records.length} records`))
        const changes = [
          { op: 'replace', path: '/messages/0/payload', value: '{"name":"Left-pad"}' },
        ] as const
        writeFileSync(file, JSON.stringify({ log: changed(log, changes) }))
        assert.equal(runPython('--log', file).status, 3)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )
})

/** The log of a real run: asks, a step, a vote, a stream. */
async function realLog(): Promise<Log> {
  const agents = [bold, cautious, clerk, intake, lead]
  await using space = await open('sqlite::memory:', { agents })
  await space.ask(intake.begin, { name: 'left-pad' })
  await space.idle()
  const { store } = space
  const records = [...(await store.records(0, 1000))]
  const rows = await store.messagesOf({ after: -1, limit: 1000 })
  const turns = rows.map(({ envelope }) => turnOf(envelope.id))
  return {
    records,
    messages: rows.map(({ position, text, hash, payload }) => ({ position, text, hash, payload })),
    events: (
      await Promise.all((await store.streams(null, 1000)).map((stream) => store.stream(stream)))
    ).flatMap(({ events }) => events),
    chunks: (await Promise.all(turns.map((turn) => store.journal(turn)))).flat(),
    decisions: [...(await store.decisions(null, 1000))],
  }
}

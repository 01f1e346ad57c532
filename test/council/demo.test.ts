import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../examples/council/main.ts', import.meta.url))
const TIMEOUT = { timeout: 120_000 }

interface Document {
  readonly ok: boolean
  readonly certificates: readonly {
    readonly vote: { readonly outcome: string; readonly proposal: { readonly subject: string } }
  }[]
  readonly agreed: { readonly same: boolean }
  readonly checked: {
    readonly certificates: number
    readonly changedRefused: boolean
    readonly evidence: readonly { readonly culprit: string; readonly offence: string }[]
  }
}

async function demo(...args: readonly string[]): Promise<{ code: number; document: Document; said: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '--json', ...args])
  let text = ''
  let said = ''
  child.stdout.on('data', (piece) => (text += String(piece)))
  child.stderr.on('data', (piece) => (said += String(piece)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, document: JSON.parse(text) as Document, said }
}

const OUTCOMES = {
  'copyleft-library@3.0.0': 'reject',
  'eager-forgeable@1.0.0': 'reject',
  'either-licence@1.0.0': 'approve',
  'honest-widget@1.0.0': 'approve',
  'leaky-parser@1.8.0': 'reject',
  'lodahs@4.17.21': 'reject',
  'plain-widget@1.0.0': 'reject',
  'retired-parser@1.9.0': 'approve',
}

for (const [kind, offence] of [
  ['equivocate', 'notarised two proposals in one view'],
  ['forge', 'voted for a proposal that is not justified'],
] as const) {
  test(
    `with a traitor that would ${kind}, the others decide alike, and prove it guilty`,
    TIMEOUT,
    async () => {
      const { code, document, said } = await demo('--traitor', kind)
      assert.equal(code, 0, said)
      assert.ok(document.ok && document.agreed.same && document.checked.changedRefused)
      const decided = document.certificates.map(({ vote }) => [vote.proposal.subject, vote.outcome])
      assert.deepEqual(Object.fromEntries(decided), OUTCOMES)
      assert.equal(document.checked.certificates, decided.length)
      const { evidence } = document.checked
      assert.ok(evidence.length > 0 && evidence.every(({ culprit }) => culprit === 'licences'))
      assert.ok(evidence.some((one) => one.offence === offence))
    },
  )
}

test('with a traitor that says nothing, the others decide alike, and accuse nobody', TIMEOUT, async () => {
  const { code, document, said } = await demo('--traitor', 'silent')
  assert.equal(code, 0, said)
  assert.ok(document.ok && document.agreed.same)
  assert.equal(document.certificates.length, Object.keys(OUTCOMES).length)
  assert.deepEqual(document.checked.evidence, [])
})

test('Ctrl-C ends all processes of the demo', TIMEOUT, async () => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN])
  let said = ''
  const pids = await new Promise<readonly number[]>((resolve) => {
    child.stderr.on('data', (piece) => {
      said += String(piece)
      if (said.includes('\n')) resolve([...said.matchAll(/\((\d+)\)/g)].map(([, pid]) => Number(pid)))
    })
  })
  assert.equal(pids.length, 4, said)
  child.kill('SIGINT')
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 130)
  for (let round = 0; pids.some(lives); round++) {
    assert.ok(round < 100, 'a replica outlived the demo')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** How the members became others: who trusts the first ones follows their changes, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Membership } from '../../src/bft/membership.ts'
import { approvalOf, membershipAfter } from '../../src/bft/operations.ts'
import { valueDigest, type Operation, type Value } from '../../src/bft/proposal.ts'
import { statementBytes, type Change, type OperationText, type Statement } from '../../src/bft/statements.ts'
import { followChanges, type ChangeLink } from '../../src/council/chain.ts'
import { verifyEvidenceFile } from '../../src/council/evidence.ts'
import { epochsOf, membershipOf, type Roster } from '../../src/council/roster.ts'
import { keysOf, rosterOf } from './kit.ts'

const crypto = councilCrypto(nodeCrypto)
const FIVE = ['alice', 'bob', 'carol', 'dave', 'eve']
const keys = keysOf([...FIVE, 'fred', 'gus', 'mallory'])
const roster = rosterOf(new Map([...keys].filter(([id]) => FIVE.includes(id))))
const { instance } = roster
const first = membershipOf(crypto, roster)

function sign(id: string, statement: Statement): string {
  return nodeCrypto.sign(keys.get(id)?.privateKey ?? assert.fail(id), statementBytes(statement))
}

interface Options {
  readonly height?: number
  /** Who agrees, who finalises, and who hands the change in. */
  readonly agreed?: readonly string[]
  readonly finalised?: readonly string[]
  readonly author?: string
  /** What the finalisation is for. */
  readonly digest?: string
  readonly operations?: (change: Operation) => readonly Operation[]
  /** Who signs in the place of each. */
  readonly signer?: (id: string) => string
}

/** A change, as the members of an epoch have decided it. */
function link(members: Membership, change: Change, options: Options = {}): ChangeLink {
  const quorum = members.members.map(({ id }) => id).slice(-members.quorumWeight)
  const { height = 1, agreed = quorum, finalised = quorum, author = quorum[0] ?? '' } = options
  const { signer = (id: string) => id } = options
  const placesOf = (ids: readonly string[]): readonly number[] =>
    ids.map((id) => members.members.findIndex((one) => one.id === id))
  const signers = placesOf(agreed)
  const signatures = agreed.map((id, at) =>
    sign(signer(id), approvalOf(crypto, members, instance, change, signers[at] ?? -1)),
  )
  const text: OperationText = {
    ...{ type: 'operation', instance, author, sequence: 1, expires: 0 },
    body: { kind: 'change', change, signers, signatures },
  }
  const operation = { ...text, signature: sign(author, text) }
  const operations = options.operations?.(operation) ?? [operation]
  const value: Value = { height, previous: '', stateRoot: 'f'.repeat(64), operations, complaints: [] }
  const digest = options.digest ?? valueDigest(crypto, value)
  const place = { instance, epoch: members.epoch, membership: members.digest, height, view: 0 }
  const vote = { ...place, proposal: 'a'.repeat(64), value: digest }
  const places = placesOf(finalised)
  const votes = finalised.map((id, at) =>
    sign(signer(id), { type: 'finalize', ...vote, sender: places[at] ?? -1 }),
  )
  return { value, finalization: { type: 'finalization', ...vote, signers: places, signatures: votes } }
}

function added(id: string): Change {
  const publicKey = keys.get(id)?.publicKey ?? assert.fail(id)
  return { add: [{ id, publicKey, weight: 1, url: `http://${id}:1` }], remove: [] }
}

const fred = added('fred')
const second = membershipAfter(crypto, first, fred)
const goodbye: Change = { add: [], remove: ['alice'] }

function problem(...links: readonly unknown[]): string {
  const verdict = followChanges(crypto, instance, first, links)
  return verdict.ok ? 'holds' : verdict.problem
}

test('changes are followed one after the other, each by those before it', () => {
  const links = [link(first, fred, { height: 3 }), link(second, goodbye, { height: 9 })]
  const verdict = followChanges(crypto, instance, first, links)
  assert.ok(verdict.ok)
  const [one, two] = verdict.epochs
  assert.deepEqual([one?.membership, two?.membership.epoch], [second, 2])
  assert.deepEqual(
    two?.membership.members.map(({ id }) => id),
    ['bob', 'carol', 'dave', 'eve', 'fred'],
  )
  assert.deepEqual([one?.height, two?.height], [3, 9])
  const file = epochsOf(crypto, { ...roster, changes: links })
  assert.deepEqual(
    file.map(({ members }) => members.length),
    [5, 6, 5],
  )
  assert.equal(file.at(-1)?.members.find(({ id }) => id === 'fred')?.url, 'http://fred:1')
})

const other = link(first, goodbye)
const REFUSED: readonly (readonly [what: string, links: readonly unknown[], problem: RegExp])[] = [
  [
    'finalised by a quorum less one',
    [link(first, fred, { finalised: ['bob', 'carol', 'dave'] })],
    /not signed by a quorum/,
  ],
  ['of which another value was finalised', [link(first, fred, { digest: 'b'.repeat(64) })], /another value/],
  [
    'to which a quorum less one agreed',
    [link(first, fred, { agreed: ['bob', 'carol', 'dave'] })],
    /no quorum has agreed/,
  ],
  [
    'that somebody else has signed for a member',
    [link(first, fred, { signer: (id) => (id === 'carol' ? 'mallory' : id) })],
    /not signed by "carol"/,
  ],
  ['that no member has handed in', [link(first, fred, { author: 'mallory' })], /not signed by a member/],
  ['that the members after it decide', [link(second, goodbye)], /of another epoch/],
  [
    'with the finalisation of another one',
    [{ value: link(first, fred).value, finalization: other.finalization }],
    /another value/,
  ],
  ['of no members', [link(first, fred, { operations: () => [] })], /does not change the members once/],
  [
    'twice in one value',
    [link(first, fred, { operations: (one) => [one, one] })],
    /does not change the members once/,
  ],
  [
    'decided before the one before it',
    [link(first, fred, { height: 5 }), link(second, goodbye, { height: 5 })],
    /earlier height/,
  ],
  ['left out', [link(second, goodbye, { height: 9 })], /after epoch 0 .* another epoch/],
  [
    'that brings a removed key back',
    [
      link(first, fred, { height: 1 }),
      link(second, goodbye, { height: 2 }),
      link(
        membershipAfter(crypto, second, goodbye),
        { add: [{ ...added('alice').add[0], id: 'alice2' } as Change['add'][number]], remove: [] },
        { height: 3 },
      ),
    ],
    /is or was there/,
  ],
  ['that is none', [{ value: null, finalization: null }], /malformed/],
  ['with something beside it', [{ ...link(first, fred), more: 1 }], /malformed/],
]

for (const [what, links, expected] of REFUSED) {
  test(`a change ${what} is not followed`, () => {
    assert.match(problem(...links), expected)
  })
}

test('evidence of a later epoch is judged by the members of that epoch, whom it brings along', () => {
  const changes = [link(first, fred)]
  const place = { instance, epoch: 1, membership: second.digest, height: 2, view: 0, sender: 5 }
  const [one, two] = ['a', 'b'].map((digit) => {
    const vote = { type: 'notarize', ...place, proposal: digit.repeat(64), value: 'c'.repeat(64) } as const
    return { ...vote, signature: sign('fred', vote) }
  })
  assert.ok(one !== undefined && two !== undefined)
  const evidence = [{ type: 'contradiction', first: one, second: two } as const]
  const file = { v: 1, type: 'coterie.council-evidence', instance, evidence } as const
  const judged = (from: Roster, document: unknown): readonly string[] | string => {
    const verdict = verifyEvidenceFile(crypto, from, document)
    return verdict.ok ? verdict.proven.map(({ culprit }) => culprit) : verdict.problem
  }
  assert.deepEqual(judged(roster, { ...file, changes }), ['fred'])
  assert.deepEqual(judged({ ...roster, changes }, file), ['fred'])
  assert.match(String(judged(roster, file)), /piece 1 proves nothing/)
  const forged = [link(first, fred, { finalised: ['bob'] })]
  assert.match(String(judged(roster, { ...file, changes: forged })), /not signed by a quorum/)
})

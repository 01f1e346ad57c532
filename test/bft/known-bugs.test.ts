/** Faults that other implementations of Byzantine agreement have had, each by what went wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyCertificate } from '../../src/bft/certificate.ts'
import { verifyEvidence } from '../../src/bft/evidence.ts'
import { valueDigest, type Proposal } from '../../src/bft/proposal.ts'
import { Kit, Rig, INSTANCE } from './council-kit.ts'

const kit = new Kit()
const real = new Kit(4, { real: true })
const value = kit.value([kit.operation(0, 1)])
const rival = kit.value([kit.operation(2, 1)])
const first = kit.proposal(1, 0, value)
const digest = valueDigest(kit.seals, value)
const pd = first.statement.proposal

const notarize = (sender: number, view = 0, height = 1) => kit.notarize(sender, pd, digest, view, height)
const finalize = (sender: number, view = 0, height = 1) => kit.finalize(sender, pd, digest, view, height)

test('a recorded first vote is not replayed as a final vote (PREPARE as COMMIT)', () => {
  const digestOf = valueDigest(real.seals, real.value([real.operation(0, 1)]))
  const proposal = real.proposal(1, 0, real.value([real.operation(0, 1)]))
  const rig = new Rig(real, 0)
  rig.propose(proposal)
  for (const sender of [1, 2, 3]) {
    const vote = real.notarize(sender, proposal.statement.proposal, digestOf)
    rig.votes({ ...vote, type: 'finalize' } as typeof vote)
  }
  assert.equal(rig.replica.height, 1)
})

test('votes without a valid signature are not counted, whatever their kind', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...[1, 2, 3].map((sender) => ({ ...notarize(sender), signature: 'none' })))
  rig.votes(...[1, 2, 3].map((sender) => ({ ...finalize(sender), signature: 'none' })))
  rig.votes(...[1, 2, 3].map((sender) => ({ ...kit.nullify(sender), signature: 'none' })))
  assert.deepEqual([rig.replica.height, rig.replica.view, rig.said], [1, 0, ['notarize 1 0']])
})

test('one member who votes three times is one vote (double counting)', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(finalize(1), finalize(1), finalize(1), finalize(2), finalize(2))
  assert.equal(rig.replica.height, 1)
})

test('the vote of the leader counts as one, like any other', () => {
  const rig = new Rig(kit, 1)
  rig.submit(kit.operation(1, 1))
  const proposal = rig.sent('proposal')[0]?.proposal
  assert.ok(proposal !== undefined)
  const own = valueDigest(kit.seals, proposal.value)
  rig.votes(kit.notarize(2, proposal.statement.proposal, own))
  assert.ok(!rig.said.includes('finalize 1 0'))
  rig.votes(kit.notarize(3, proposal.statement.proposal, own))
  assert.ok(rig.said.includes('finalize 1 0'))
})

test('a quorum for the next view cannot be forged from a single valid vote among forged ones', () => {
  const rig = new Rig(kit, 0)
  const forged = kit.nullification(0)
  rig.get({
    type: 'certificate',
    certificate: { ...forged, signatures: forged.signatures.map((one, at) => (at === 0 ? one : 'none')) },
  })
  assert.equal(rig.replica.view, 0)
})

test('a bare proposal for a later view, without a justification, is not voted for', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'certificate', certificate: kit.nullification(0) })
  rig.propose(kit.proposal(2, 1, value))
  assert.ok(!rig.said.includes('notarize 1 1'))
})

test('what may have been decided is not dropped by a change of view (prepared value dropped)', () => {
  const rig = new Rig(kit, 2)
  rig.submit(kit.operation(2, 1))
  rig.propose(first)
  rig.votes(notarize(0), notarize(1))
  assert.ok(rig.said.includes('finalize 1 0'))
  rig.pass(1_000)
  const proposed = rig.sent('proposal').at(-1)?.proposal
  assert.equal(proposed?.statement.view, 1)
  assert.deepEqual(proposed?.value, value)
})

test('a leader cannot put something new in the place of what was finalised', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(notarize(1), notarize(2))
  rig.pass(250)
  assert.equal(rig.replica.view, 1)
  // At best it has two honest nullifications too few, and counts its own for the rest.
  const nullification = kit.nullification(0, [3, 3, 3])
  rig.propose(kit.proposal(2, 1, rival, [nullification]))
  assert.ok(!rig.said.includes('notarize 1 1'))
})

test('a malformed vote does not hide the valid ones that come after it (masked certificates)', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes({ ...finalize(1), signature: 'none' }, { ...finalize(2), value: 'other' } as ReturnType<
    typeof finalize
  >)
  rig.votes(finalize(1), finalize(2), finalize(3))
  assert.equal(rig.replica.height, 2)
})

test('votes for one proposal with different values make no certificate', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(kit.notarize(1, pd, 'another value'), notarize(2))
  assert.deepEqual(rig.said, ['notarize 1 0'])
  rig.votes(notarize(3))
  const [made] = rig.log.flatMap((entry) => (entry.type === 'certificate' ? [entry.certificate] : []))
  assert.ok(made !== undefined && verifyCertificate(kit.seals, kit.membership, INSTANCE, made))
  assert.deepEqual(made.signers, [0, 2, 3])
})

test('a proposal of an honest leader that comes first with something else in it is still voted for', () => {
  const rig = new Rig(kit, 0)
  rig.propose({ ...first, value: rival })
  rig.propose({ ...first, justification: [kit.nullification(0)] })
  assert.deepEqual(rig.said, [])
  rig.propose(first)
  assert.deepEqual(rig.said, ['notarize 1 0'])
  assert.deepEqual(rig.of('evidence'), [])
})

test('no locks: members who voted for different things decide in the next view all the same', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(kit.nullify(1), kit.nullify(2), kit.nullify(3))
  assert.equal(rig.replica.view, 1)
  const nullification = rig.replica.rounds.get(0)?.nullification
  assert.ok(nullification !== undefined)
  rig.propose(kit.proposal(2, 1, rival, [nullification]))
  assert.ok(rig.said.includes('notarize 1 1'))
})

const ELSEWHERE: readonly (readonly [what: string, change: Partial<ReturnType<typeof finalize>>])[] = [
  ['another council', { instance: 'other' }],
  ['another epoch', { epoch: 1 }],
  ['other members', { membership: 'other' }],
]

for (const [what, change] of ELSEWHERE) {
  test(`votes of ${what}, signed as such or made to look like ours, are not counted`, () => {
    const rig = new Rig(kit, 0)
    rig.propose(first)
    for (const sender of [1, 2, 3]) {
      const { signature: _, ...text } = finalize(sender)
      const there = kit.sign(sender, { ...text, ...change } as typeof text)
      rig.votes(there, { ...finalize(sender), signature: there.signature })
    }
    assert.equal(rig.replica.height, 1)
  })
}

test('one key in two councils at the same height and view is no offence (session mixed up)', () => {
  const other = new Kit(4, { instance: 'other' })
  const here = kit.notarize(2, 'a', 'a')
  const there = other.notarize(2, 'b', 'b')
  const evidence = { type: 'contradiction', first: here, second: there } as const
  assert.equal(verifyEvidence(kit.seals, kit.membership, INSTANCE, evidence).ok, false)
})

test('a wiped member does not vote again where it may have voted (amnesia after restart)', () => {
  const rig = new Rig(kit, 0, [], 'nonce')
  rig.propose(first)
  rig.votes(notarize(1), notarize(2), notarize(3))
  rig.pass(10_000)
  assert.deepEqual(rig.said, [])
  const status = (place: number, nonce: string): void => {
    const said = {
      type: 'status',
      instance: INSTANCE,
      from: kit.id(place),
      height: 1,
      view: 0,
      nonce,
    } as const
    rig.get({ type: 'status', status: kit.sign(place, said), proof: null })
  }
  // Old answers, and answers of too few, tell it nothing.
  for (const place of [1, 2, 3]) status(place, 'old nonce')
  for (const place of [1, 2]) status(place, 'nonce')
  assert.equal(rig.replica.amnesia?.until, undefined)
  status(3, 'nonce')
  assert.equal(rig.replica.amnesia?.until, 2)
  rig.votes(finalize(1), finalize(2), finalize(3))
  assert.equal(rig.replica.height, 2)
  rig.pass(10_000)
  assert.deepEqual(rig.said, [])
})

test('a wiped member is not kept from voting by one who lies about heights', () => {
  const rig = new Rig(kit, 0, [], 'nonce')
  for (const place of [1, 2, 3]) {
    const height = place === 1 ? 1_000_000 : 1
    const said = {
      type: 'status',
      instance: INSTANCE,
      from: kit.id(place),
      height,
      view: 0,
      nonce: 'nonce',
    } as const
    rig.get({ type: 'status', status: kit.sign(place, said), proof: kit.finalization(first) })
  }
  assert.equal(rig.replica.amnesia?.until, undefined)
})

test('the second give-up after a restart is the first one again, word for word', () => {
  const rig = new Rig(kit, 0)
  rig.submit(kit.operation(0, 1))
  rig.pass(200)
  assert.deepEqual(rig.said, ['nullify 1 0'])
  const again = new Rig(kit, 0, rig.log)
  assert.deepEqual(again.said, ['nullify 1 0'])
  assert.deepEqual(
    again.sent('vote').map(({ vote }) => vote.signature),
    rig
      .sent('vote')
      .slice(0, 1)
      .map(({ vote }) => vote.signature),
  )
  again.propose(first)
  again.votes(notarize(1), notarize(2), notarize(3))
  assert.ok(!again.said.includes('finalize 1 0'))
})

test('votes for heights and views to come do not fill the memory (flood of future messages)', () => {
  const rig = new Rig(kit, 0)
  for (let at = 1; at < 2_000; at++) {
    rig.votes(
      kit.nullify(3, at, 1),
      kit.nullify(3, 0, at + 1),
      kit.notarize(3, `p${at}`, 'v', at % 8, 1 + (at % 3)),
    )
  }
  let held = rig.replica.future.size + rig.replica.claims.size
  for (const round of rig.replica.rounds.values()) held += round.size
  assert.ok(held < 100, `${held} things held`)
  assert.ok(rig.replica.rounds.size < 20)
})

test('a member that contradicts itself without end is convicted once, and looked at no more (evidence spam)', (t) => {
  const rig = new Rig(kit, 0)
  const verifications = t.mock.method(kit.seals, 'verify').mock
  for (let at = 0; at < 500; at++) rig.votes(kit.notarize(3, `p${at}`, 'v'), kit.finalize(3, `q${at}`, 'v'))
  rig.votes(kit.nullify(3))
  const found = rig.of('evidence')
  assert.equal(found.length, 1)
  assert.ok(verifications.callCount() <= 4, `${verifications.callCount()} verifications`)
  const [piece] = found
  assert.ok(piece !== undefined)
  const verdict = verifyEvidence(kit.seals, kit.membership, INSTANCE, piece.evidence)
  assert.equal(verdict.ok && verdict.culprit, 3)
})

test('operations to come do not fill the memory either', () => {
  const rig = new Rig(kit, 0)
  for (let at = 1; at < 2_000; at++) rig.get({ type: 'operation', operation: kit.operation(3, at) })
  assert.ok(rig.replica.pool.size <= 256)
})

function behind(peers: Readonly<Record<number, number>>): Rig {
  const rig = new Rig(kit, 0)
  for (const [place, height] of Object.entries(peers)) {
    const said = {
      type: 'status',
      instance: INSTANCE,
      from: kit.id(Number(place)),
      height,
      view: 0,
      nonce: '',
    } as const
    rig.get({ type: 'status', status: kit.sign(Number(place), said), proof: null })
  }
  return rig
}

const asked = (rig: Rig): readonly (string | null)[] =>
  rig
    .of('say')
    .flatMap(({ statement, to }) =>
      statement.type === 'fetch' && statement.wanted.kind === 'decisions' ? [to] : [],
    )

test('who lies about its height and does not answer is asked once, and then the others are (stuck catch-up)', () => {
  const rig = behind({ 1: 1_000_000, 2: 3, 3: 3 })
  for (let at = 0; at < 12; at++) rig.pass(150)
  assert.deepEqual(asked(rig).slice(0, 3), ['m01', 'm02', 'm03'])
  assert.equal(asked(rig).filter((to) => to === 'm01').length, 1)
})

test('claims move nothing: without certificates a replica stays where it is', () => {
  const rig = behind({ 1: 9, 2: 9, 3: 9 })
  rig.pass(10_000)
  assert.equal(rig.replica.height, 1)
})

test('a poisoned answer is dropped as a whole, and its sender is believed nothing more', () => {
  const rig = behind({ 1: 3, 2: 3 })
  rig.pass(150)
  const good = kit.decision(first)
  rig.get({ type: 'reply', decisions: [{ ...good, value: rival }], certificates: [], proposals: [] })
  assert.equal(rig.replica.height, 1)
  assert.ok(!rig.replica.claims.has('m01'))
  rig.get({
    type: 'reply',
    decisions: [{ ...good, justification: [kit.nullification(0)] }],
    certificates: [],
    proposals: [],
  })
  assert.equal(rig.replica.height, 1)
  rig.get({ type: 'reply', decisions: [good], certificates: [], proposals: [] })
  assert.equal(rig.replica.height, 2)
})

test('a request for impossible heights is not answered, and halts nothing (too high replication request)', () => {
  const rig = new Rig(kit, 0)
  const ask = (firstHeight: number, last: number): void => {
    const wanted = { kind: 'decisions', first: firstHeight, last } as const
    const said = { type: 'fetch', instance: INSTANCE, from: kit.id(1), wanted } as const
    rig.get({ type: 'fetch', fetch: kit.sign(1, said) })
  }
  ask(1, 2 ** 50)
  ask(2 ** 50, 2 ** 51)
  ask(5, 1)
  assert.deepEqual(rig.of('serve'), [])
})

test('one who asks again and again gets a few answers in a round trip (slow loris, amplification)', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'reply', decisions: [kit.decision(first)], certificates: [], proposals: [] })
  for (let at = 0; at < 100; at++) {
    const wanted = { kind: 'decisions', first: 1, last: 1 } as const
    rig.get({
      type: 'fetch',
      fetch: kit.sign(1, { type: 'fetch', instance: INSTANCE, from: kit.id(1), wanted } as const),
    })
  }
  assert.equal(rig.of('serve').length, 1)
})

test('a decision that was applied is not applied again when it comes from elsewhere (delivered twice)', () => {
  const rig = new Rig(kit, 0)
  const decision = kit.decision(first)
  for (let at = 0; at < 3; at++)
    rig.get({ type: 'reply', decisions: [decision, decision], certificates: [], proposals: [] })
  rig.get({ type: 'certificate', certificate: decision.finalization })
  rig.votes(finalize(1), finalize(2), finalize(3))
  assert.equal(rig.of('decided').length, 1)
  assert.equal(rig.replica.halted, undefined)
})

test('the view is entered once, however many certificates open it (double start of a round)', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'certificate', certificate: kit.nullification(0, [0, 1, 2]) })
  rig.get({ type: 'certificate', certificate: kit.nullification(0, [1, 2, 3]) })
  rig.votes(kit.nullify(1), kit.nullify(2), kit.nullify(3))
  assert.equal(rig.sent('certificate').length, 1)
})

test('a finalisation that comes before its proposal is kept, and the proposal is asked for', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'certificate', certificate: kit.finalization(first) })
  rig.pass(60)
  assert.ok(
    rig.of('say').some(({ statement }) => statement.type === 'fetch' && statement.wanted.kind === 'proposal'),
  )
  rig.get({ type: 'reply', decisions: [], certificates: [], proposals: [first] })
  assert.equal(rig.replica.height, 2)
})

test('a proposal that a quorum wants is taken although the leader sent another one first', () => {
  const rig = new Rig(kit, 0)
  const other: Proposal = kit.proposal(1, 0, rival)
  rig.propose(other)
  rig.get({ type: 'certificate', certificate: kit.finalization(first) })
  rig.propose(first)
  assert.equal(rig.replica.height, 2)
  assert.equal(rig.replica.ledger.previous, digest)
})

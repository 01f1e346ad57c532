/** Evidence against members of a council, and documents that prove nothing: a part of `council.json`. */
import type { Certificate } from '../../src/bft/certificate.ts'
import type { Evidence } from '../../src/bft/evidence.ts'
import { proposalDigest, valueDigest, type Justification } from '../../src/bft/proposal.ts'
import type { Signed, Vote } from '../../src/bft/statements.ts'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { applied, council, FOUR, quorumOf, rosterOf, scopeIn, valueWith, voteOf } from './council-story.ts'

const [ONE, TWO] = ['one', 'two'].map((name) => crypto.sha256(name)) as [string, string]
const VALUE = valueDigest(council, valueWith([applied(FOUR, 0, 1, { type: 'pass' })]))
const RIVAL = valueDigest(council, valueWith([applied(FOUR, 1, 1, { type: 'pass' })]))
const AT = { height: 4, view: 0 }

/** The documents. */
export function councilEvidenceVectors(): object {
  const all = [...contradictions(), ...unjustified()].map(([name, evidence]) => ({
    name,
    culprits: ['carol'],
    file: fileOf([evidence]),
  }))
  const [first, second] = [...contradictions(), ...unjustified()].map(([, evidence]) => evidence)
  const several = [first, second].filter((one) => one !== undefined)
  return {
    accepted: [
      ...all,
      { name: 'nobody is accused', culprits: [], file: fileOf([]) },
      { name: 'two pieces', culprits: ['carol', 'carol'], file: fileOf(several) },
    ],
    refused: [...innocent(), ...justified(), ...malformed()].map(([name, file]) => ({ name, file })),
  }
}

function fileOf(evidence: readonly unknown[], changes: object = {}): object {
  return { v: 1, type: 'coterie.council-evidence', instance: FOUR.instance, evidence, ...changes }
}

/** A vote of carol, or of whoever is named. */
function vote(type: Vote['type'], proposal = '', value = '', place: object = {}): Signed<Vote> {
  return voteOf(FOUR, type, { sender: 2, ...AT, ...place }, proposal, value)
}

function contradictory(first: Signed<Vote>, second: Signed<Vote>): Evidence {
  return { type: 'contradiction', first, second }
}

function contradictions(): readonly (readonly [string, Evidence])[] {
  return [
    [
      'notarised two proposals in one view',
      contradictory(vote('notarize', ONE, VALUE), vote('notarize', TWO, RIVAL)),
    ],
    [
      'notarised two values of one proposal',
      contradictory(vote('notarize', ONE, VALUE), vote('notarize', ONE, RIVAL)),
    ],
    [
      'finalised two proposals in one view',
      contradictory(vote('finalize', ONE, VALUE), vote('finalize', TWO, VALUE)),
    ],
    ['finalised and nullified one view', contradictory(vote('finalize', ONE, VALUE), vote('nullify'))],
    ['nullified and finalised one view', contradictory(vote('nullify'), vote('finalize', ONE, VALUE))],
    [
      'notarised one proposal and finalised another',
      contradictory(vote('notarize', ONE, VALUE), vote('finalize', TWO, RIVAL)),
    ],
    ['made two proposals in one view', contradictory(vote('propose', ONE), vote('propose', TWO))],
  ]
}

/** A vote of carol for this value in a later view, and what was to justify it. */
function piece(
  type: 'propose' | 'notarize' | 'finalize',
  justification: Justification,
  view: number,
): Evidence {
  const scope = { ...scopeIn(FOUR), height: AT.height, view }
  const proposal = proposalDigest(council, scope, VALUE, justification)
  const said = vote(type, proposal, VALUE, { view })
  return {
    type: 'unjustified',
    vote: said as Signed<Exclude<Vote, { type: 'nullify' }>>,
    value: VALUE,
    justification,
  }
}

function nullification(view: number, signers: readonly number[] = [0, 1, 3]): Certificate {
  return quorumOf(FOUR, 'nullify', { height: AT.height, view }, signers)
}

/** What was notarised in a view, as its proposal was justified then. */
function notarization(view: number, value: string, justification: Justification = []): Certificate {
  const scope = { ...scopeIn(FOUR), height: AT.height, view }
  const proposal = proposalDigest(council, scope, value, justification)
  return quorumOf(FOUR, 'notarize', { height: AT.height, view }, [0, 1, 3], [proposal, value])
}

function unjustified(): readonly (readonly [string, Evidence])[] {
  const lone = nullification(0, [0, 1])
  const other = quorumOf(FOUR, 'finalize', AT, [0, 1, 3], [ONE, VALUE])
  return [
    ['proposed with no certificate of the view before', piece('propose', [], 1)],
    ['notarised what a quorum less one had given up', piece('notarize', [lone], 1)],
    ['finalised what a quorum less one had given up', piece('finalize', [lone], 1)],
    ['notarised another value than was notarised before', piece('notarize', [notarization(0, RIVAL)], 1)],
    ['notarised with the nullification of another view', piece('notarize', [nullification(1)], 1)],
    [
      'notarised with the nullification of another height',
      piece('notarize', [quorumOf(FOUR, 'nullify', { height: 5, view: 0 }, [0, 1, 3])], 1),
    ],
    [
      'notarised with a nullification of another epoch',
      piece('notarize', [quorumOf(FOUR, 'nullify', { ...AT, epoch: 1 }, [0, 1, 3])], 1),
    ],
    ['notarised with a finalisation', piece('notarize', [other], 1)],
    ['notarised with a certificate too many', piece('notarize', [nullification(0)], 0)],
    [
      'notarised what had another justification before',
      piece('notarize', [nullification(0), notarization(1, VALUE)], 2),
    ],
  ]
}

/** Two votes that an honest member may sign both, or that one member alone did not sign. */
function innocent(): readonly (readonly [string, object])[] {
  const notarized = vote('notarize', ONE, VALUE)
  const rival = vote('notarize', TWO, RIVAL)
  const elsewhere = rosterOf('another-board', { alice: 1, bob: 1, carol: 1, dave: 1 })
  const there = voteOf(elsewhere, 'notarize', { sender: 2, ...AT }, TWO, RIVAL)
  const pairs: readonly (readonly [string, Signed<Vote>, Signed<Vote>])[] = [
    ['one vote twice', notarized, notarized],
    ['notarised and then given up', notarized, vote('nullify')],
    ['notarised and finalised alike', notarized, vote('finalize', ONE, VALUE)],
    ['proposed one thing and notarised another', vote('propose', ONE), rival],
    ['two views', notarized, vote('notarize', TWO, RIVAL, { view: 1 })],
    ['two heights', notarized, vote('notarize', TWO, RIVAL, { height: 5 })],
    ['two epochs', notarized, vote('notarize', TWO, RIVAL, { epoch: 1 })],
    ['two councils', notarized, there],
    ['two members', notarized, vote('notarize', TWO, RIVAL, { sender: 1 })],
    [
      'a vote that somebody else signed',
      notarized,
      { ...rival, signature: vote('notarize', ONE, RIVAL).signature },
    ],
    ['a vote of a place where nobody is', notarized, { ...rival, sender: 4 }],
  ]
  return pairs.map(([name, first, second]) => [name, fileOf([contradictory(first, second)])] as const)
}

function justified(): readonly (readonly [string, object])[] {
  const carried = [nullification(0), notarization(1, VALUE, [nullification(0)])]
  const holds = piece('notarize', [nullification(0)], 1)
  const wrong = piece('notarize', [nullification(0, [0, 1])], 1)
  return [
    ['a justification that holds: given up', fileOf([holds])],
    ['a justification that holds: notarised before', fileOf([piece('notarize', carried, 2)])],
    ['a first view, which needs none', fileOf([piece('propose', [], 0)])],
    ['a vote for something else', fileOf([{ ...wrong, justification: [nullification(0, [0, 3])] }])],
    ['a vote for another value', fileOf([{ ...wrong, value: RIVAL }])],
    ['a vote to give the view up', fileOf([{ ...wrong, vote: vote('nullify', '', '', { view: 1 }) }])],
  ]
}

function malformed(): readonly (readonly [string, object])[] {
  const [good] = contradictions().map(([, evidence]) => evidence)
  const [bad] = unjustified().map(([, evidence]) => evidence)
  const complaint = { ...vote('nullify'), type: 'complaint', leader: 'alice' }
  return [
    ['another council', fileOf([good], { instance: 'another-board' })],
    ['another version', fileOf([good], { v: 2 })],
    ['another type', fileOf([good], { type: 'coterie.forks' })],
    ['an unknown member of the document', fileOf([good], { note: 'x' })],
    ['an unknown member of a piece', fileOf([{ ...good, note: 'x' }])],
    ['an unknown kind of evidence', fileOf([{ ...good, type: 'hearsay' }])],
    ['something that is no vote', fileOf([{ ...good, second: complaint }])],
    ['a good piece and a bad one', fileOf([good, { ...bad, value: RIVAL }])],
  ]
}

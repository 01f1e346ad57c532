/** Certificates of councils that hold, and others that must be refused: `council.json`. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { statementBytes, type Statement } from '../../src/bft/statements.ts'
import { toHex } from '../../src/core/bytes.ts'
import type { Json } from '../../src/core/json.ts'
import type { DecisionCertificate } from '../../src/council/certificate.ts'
import type { Roster } from '../../src/council/roster.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy } from '../helpers/voting.ts'
import { changedAccepted, changedRefused } from './changed-councils.ts'
import { councilEvidenceVectors } from './council-evidence-vectors.ts'
import {
  applied,
  asked,
  closing,
  council,
  counted,
  countedOf,
  decided,
  FOUR,
  membershipIn,
  operationOf,
  quorumOf,
  rosterOf,
  scopeIn,
  sign,
  valueWith,
  WEIGHTED,
} from './council-story.ts'
import { changesOf } from './leaves.ts'
import { refusedCertificates } from './refused-councils.ts'

type Accepted = readonly (readonly [name: string, roster: Roster, certificate: DecisionCertificate])[]

/** `council.json` */
export function councilVectors(): object {
  const base = accepted()[0]?.[2]
  return {
    about: 'Councils: docs/reference/formats.md#councils',
    memberships: memberships(),
    digests: digests(),
    signed: signed(),
    councils: { four: FOUR, weighted: WEIGHTED },
    certificate: base,
    accepted: [...accepted(), ...changedAccepted()].map(([name, roster, certificate]) => ({
      name,
      ...namedOr(roster),
      outcome: certificate.vote.outcome,
      ...since(base, certificate),
    })),
    refused: [...refusedCertificates(), ...changedRefused()].map(([name, certificate, roster]) => ({
      name,
      ...(typeof roster === 'object' ? { roster } : { council: roster ?? 'four' }),
      ...since(base, certificate),
    })),
    evidence: councilEvidenceVectors(),
  }
}

function namedOr(roster: Roster): object {
  if (roster === FOUR) return { council: 'four' }
  return roster === WEIGHTED ? { council: 'weighted' } : { roster }
}

/** A document as it differs from another one. */
function since(base: unknown, document: unknown): object {
  const changes = changesOf(JSON.parse(JSON.stringify(base)), JSON.parse(JSON.stringify(document)))
  return changes === undefined ? { certificate: document } : { changes }
}

function memberships(): readonly object[] {
  const thirteen = Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`m${at}`, 1]))
  return [FOUR, WEIGHTED, rosterOf('thirteen', thirteen)].flatMap((roster) =>
    [0, 1].map((epoch) => {
      const { members, digest, totalWeight, faultyWeight, quorumWeight } = membershipIn(roster, epoch)
      return { epoch, members, digest, total: totalWeight, mayLie: faultyWeight, quorum: quorumWeight }
    }),
  )
}

function digests(): readonly object[] {
  const value = valueWith([applied(FOUR, 0, 1, { type: 'pass' })])
  const justification = [quorumOf(FOUR, 'nullify', { height: 4, view: 0 }, [0, 1, 2])]
  const values: readonly (readonly [Parameters<typeof council.digest>[0], Json])[] = [
    ['membership', { epoch: 0, members: membershipIn(FOUR).members }],
    ['value', value],
    ['justification', justification],
    [
      'proposal',
      {
        ...scopeIn(FOUR),
        height: 4,
        view: 1,
        value: council.digest('value', value),
        justification: council.digest('justification', justification),
      },
    ],
    ['change', { add: [], remove: ['dave'] }],
  ]
  return values.map(([kind, one]) => ({ kind, value: one, digest: council.digest(kind, one) }))
}

function signed(): readonly object[] {
  const [proposal, value] = [crypto.sha256('a proposal'), crypto.sha256('a value')]
  const place = { ...scopeIn(FOUR), height: 4, view: 1, sender: 1 }
  const from = { instance: FOUR.instance, from: 'bob' }
  const payload = { type: 'pass' }
  const statements: readonly Statement[] = [
    { type: 'propose', ...place, proposal },
    { type: 'notarize', ...place, proposal, value },
    { type: 'finalize', ...place, proposal, value },
    { type: 'nullify', ...place },
    { type: 'complaint', ...place, leader: 'dave' },
    { type: 'approval', ...scopeIn(FOUR), sender: 1, change: crypto.sha256('a change') },
    { type: 'status', ...from, height: 4, view: 1, nonce: '' },
    { type: 'fetch', ...from, wanted: { kind: 'decisions', first: 1, last: 3 } },
    {
      type: 'operation',
      instance: FOUR.instance,
      author: 'bob',
      sequence: 1,
      expires: 0,
      body: { kind: 'application', payload },
    },
  ]
  return statements.map((statement) => {
    const { signature } = sign(FOUR, 1, statement)
    const { publicKey } = keyPairOf('bob')
    return { statement, pae: toHex(statementBytes(statement)), publicKey, signature }
  })
}

function accepted(): Accepted {
  const yes = counted(FOUR, { alice: 'yes', bob: 'yes', carol: 'yes' })
  const split = counted(FOUR, { alice: 'yes', bob: 'no', carol: 'yes', dave: 'yes' })
  const none = counted(FOUR, { alice: 'yes', bob: 'no', carol: 'no', dave: 'yes' })
  const proposal = asked(FOUR)
  const twice = countedOf(proposal, [
    castBy('alice', proposal, 'yes'),
    castBy('alice', proposal, 'no'),
    ...['bob', 'carol', 'dave'].map((member) => castBy(member, proposal, 'yes')),
  ])
  const nullified = [0, 1].map((view) => quorumOf(FOUR, 'nullify', { height: 4, view }, [1, 2, 3]))
  const other = applied(FOUR, 1, 7, { type: 'ballot', decision: 'bob.1', ballots: [], at: 0 })
  const change = operationOf(FOUR, 2, 3, {
    kind: 'change',
    change: { add: [], remove: ['dave'] },
    signers: [],
    signatures: [],
  })
  const busy = valueWith([other, change, closing(FOUR, 0, yes), closing(FOUR, 3, yes)])
  const complaints = {
    height: 3,
    view: 0,
    leader: 'dave',
    signers: [0, 1],
    signatures: [0, 1].map((sender) => {
      const place = { ...scopeIn(FOUR), height: 3, view: 0, sender }
      return sign(FOUR, sender, { type: 'complaint', ...place, leader: 'dave' }).signature
    }),
  }
  const heavy = counted(WEIGHTED, { alice: 'no', bob: 'no', carol: 'no' })
  return [
    ['a quorum of three of four', FOUR, decided(FOUR, yes)],
    ['all four, and a dissent', FOUR, decided(FOUR, split, { signers: [0, 1, 2, 3] })],
    ['a tie, so no outcome', FOUR, decided(FOUR, none, { signers: [1, 2, 3] })],
    ['a member who voted twice counts for nothing', FOUR, decided(FOUR, twice)],
    [
      'in the third view, after two were given up',
      FOUR,
      decided(FOUR, yes, { view: 2, justification: nullified }),
    ],
    ['among other operations, closed by two members', FOUR, decided(FOUR, yes, { value: busy })],
    [
      'with complaints of a slow leader',
      FOUR,
      decided(FOUR, yes, { value: valueWith([closing(FOUR, 1, yes)], { complaints: [complaints] }) }),
    ],
    [
      'at the first height, with nothing before',
      FOUR,
      decided(FOUR, yes, { value: valueWith([closing(FOUR, 0, yes)], { height: 1, previous: '' }) }),
    ],
    ['by weight: three of five', WEIGHTED, decided(WEIGHTED, heavy)],
    ['by weight: four of five', WEIGHTED, decided(WEIGHTED, heavy, { signers: [0, 2, 3, 4] })],
  ]
}

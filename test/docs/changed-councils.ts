/** Certificates of councils whose members have changed, for `council.json`: some that hold, and others. */
import { approvalOf } from '../../src/bft/operations.ts'
import type { Change } from '../../src/bft/statements.ts'
import type { ChangeLink } from '../../src/council/chain.ts'
import type { DecisionCertificate } from '../../src/council/certificate.ts'
import type { Roster } from '../../src/council/roster.ts'
import {
  closing,
  council,
  counted,
  decided,
  finalized,
  FOUR,
  membershipIn,
  operationOf,
  rosterOf,
  sign,
  valueWith,
  type Finalized,
} from './council-story.ts'

/** The members of epoch 1 and of epoch 2: erin comes, and alice leaves. */
const FIVE: Roster = rosterOf('release-board', { alice: 1, bob: 1, carol: 1, dave: 1, erin: 1 })
const LAST: Roster = { ...FIVE, members: FIVE.members.filter(({ id }) => id !== 'alice') }

const RIVALS: Roster = rosterOf('release-board', { alice: 1, bob: 1, carol: 1, dave: 1, mallory: 1 })
const RIVAL: Change = { add: RIVALS.members.filter(({ id }) => id === 'mallory'), remove: [] }

const COMING: Change = { add: FIVE.members.filter(({ id }) => id === 'erin'), remove: [] }
const LEAVING: Change = { add: [], remove: ['alice'] }

interface How extends Finalized {
  readonly height?: number
  readonly agreed?: readonly number[]
  /** How often the change is in the value. */
  readonly times?: number
}

/** A change that the members of an epoch have decided. */
function link(roster: Roster, change: Change, how: How = {}): ChangeLink {
  const { height = 2, agreed = [0, 1, 2], epoch = 0, times = 1 } = how
  const signatures = agreed.map((sender) => {
    const text = approvalOf(council, membershipIn(roster, epoch), roster.instance, change, sender)
    return sign(roster, sender, text).signature
  })
  const body = { kind: 'change', change, signers: agreed, signatures } as const
  const operations = Array.from({ length: times }, (_, at) => operationOf(roster, at, 3, body))
  const value = valueWith(operations, { height })
  return { value, finalization: finalized(roster, value, how) }
}

const FIRST = link(FOUR, COMING)
const MOST = [0, 1, 2, 3]
const SECOND = link(FIVE, LEAVING, { epoch: 1, height: 3, agreed: MOST, signers: MOST })

const YES = { alice: 'yes', bob: 'yes', carol: 'yes' }
const VOTE = counted(FIVE, YES)
const IN_FIVE = decided(FIVE, VOTE, { epoch: 1, signers: MOST })
/** It was open when alice was a member, and is closed when she is none. */
const OLD_VOTE = counted(FOUR, YES)
const IN_LAST = decided(LAST, OLD_VOTE, { epoch: 2, value: valueWith([closing(LAST, 0, OLD_VOTE)]) })

export function changedAccepted(): readonly (readonly [string, Roster, DecisionCertificate])[] {
  const known: Roster = { ...FOUR, changes: [FIRST] }
  return [
    ['of members who became so by a change', FOUR, { ...IN_FIVE, changes: [FIRST] }],
    [
      'of a vote whose electorate has left, after two changes',
      FOUR,
      { ...IN_LAST, changes: [FIRST, SECOND] },
    ],
    ['of members whom the file knows by a change', known, IN_FIVE],
    ['of an epoch before the newest of the file', { ...FOUR, changes: [FIRST, SECOND] }, IN_FIVE],
    ['of an epoch after the newest of the file', known, { ...IN_LAST, changes: [FIRST, SECOND] }],
  ]
}

/** Judged by the first members unless a file is given. */
export function changedRefused(): readonly (readonly [string, DecisionCertificate, Roster?])[] {
  const { add } = COMING
  const elsewhere = { ...COMING, add: add.map((one) => ({ ...one, url: 'http://elsewhere:1' })) }
  const [operation] = FIRST.value.operations
  const moved =
    operation === undefined ? [] : [{ ...operation, body: { ...operation.body, change: elsewhere } }]
  const with1 = (...changes: readonly unknown[]): DecisionCertificate => {
    return { ...IN_FIVE, changes: changes as readonly ChangeLink[] }
  }
  return [
    ['a later epoch, and no changes', IN_FIVE],
    ['a later epoch, and a change too few', { ...IN_LAST, changes: [FIRST] }],
    ['a change too many', with1(FIRST, SECOND)],
    ['changes in another order', { ...IN_LAST, changes: [SECOND, FIRST] }],
    ['a change that a quorum less one has finalised', with1(link(FOUR, COMING, { signers: [0, 1] }))],
    ['a change to which a quorum less one has agreed', with1(link(FOUR, COMING, { agreed: [0, 1] }))],
    ['a change that somebody has altered', with1({ ...FIRST, value: { ...FIRST.value, operations: moved } })],
    ['a change with the finalisation of another one', with1({ ...FIRST, finalization: SECOND.finalization })],
    ['a value that changes the members twice', with1(link(FOUR, COMING, { times: 2 }))],
    ['a change of more weight than may lie', with1(link(FOUR, { ...COMING, remove: ['alice'] }))],
    ['a change with something beside it', with1({ ...FIRST, more: 1 })],
    ['changes that are no list', { ...IN_FIVE, changes: {} as unknown as readonly ChangeLink[] }],
    ['changes of one height', { ...IN_LAST, changes: [link(FOUR, COMING, { height: 3 }), SECOND] }],
    // The first members have left long ago, and somebody has their keys.
    [
      'another history than the file knows, by stolen keys of the first members',
      { ...decided(RIVALS, counted(RIVALS, YES), { epoch: 1, signers: MOST }), changes: [link(FOUR, RIVAL)] },
      { ...FOUR, changes: [FIRST] },
    ],
    ['an epoch before that of the file', IN_FIVE, { ...FOUR, epoch: 2 }],
    [
      'a file with a change that does not hold',
      IN_FIVE,
      { ...FOUR, changes: [link(FOUR, COMING, { signers: [0] })] },
    ],
  ]
}

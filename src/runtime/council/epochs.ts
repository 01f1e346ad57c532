/**
 * Who the members were, are, and will be, as one replica knows it: from its membership file, and from what was decided.
 *
 * @module
 */

import type { Certificate as Quorum } from '../../bft/certificate.ts'
import type { CouncilCrypto } from '../../bft/crypto.ts'
import type { Membership } from '../../bft/membership.ts'
import { membershipAfter } from '../../bft/operations.ts'
import type { Value } from '../../bft/proposal.ts'
import type { Acquaintance } from '../../bft/state.ts'
import type { Change } from '../../bft/statements.ts'
import { changesIn, type ChangeLink } from '../../council/chain.ts'
import { epochsOf, rosterMembersAfter, type Roster, type RosterMember } from '../../council/roster.ts'
import type { CouncilContact } from '../../ports/council.ts'

/** What this replica's member is to the council. */
export type Standing = 'member' | 'joining' | 'removed'

/** A change of the members that was decided. */
export interface DecidedChange {
  readonly change: Change
  readonly height: number
}

/** The epochs of one replica. */
export class ReplicaEpochs {
  readonly #crypto: CouncilCrypto
  readonly #roster: Roster
  readonly #links: ChangeLink[] = []
  readonly #memberships: Membership[]
  readonly #former = new Map<string, { readonly member: RosterMember; readonly until: number }>()
  /** The newest members that the file proves. */
  readonly #inFile: readonly RosterMember[]
  readonly #epochInFile: number
  #members: readonly RosterMember[]

  /** Throws COTERIE_VERIFICATION_FAILED when the changes in the file do not hold. */
  constructor(crypto: CouncilCrypto, roster: Roster) {
    this.#crypto = crypto
    this.#roster = roster
    const epochs = epochsOf(crypto, roster)
    const [first] = epochs
    this.#memberships = [first.membership]
    this.#members = roster.members
    this.#inFile = epochs.at(-1)?.members ?? roster.members
    this.#epochInFile = epochs.length - 1
  }

  /** Takes a decided value in; the change in it, when it has one. */
  decided(value: Value, finalization: Quorum): DecidedChange | undefined {
    const [operation] = changesIn(value)
    if (operation === undefined) return undefined
    const { change } = operation.body
    for (const member of this.#members) {
      if (change.remove.includes(member.id)) this.#former.set(member.id, { member, until: value.height })
    }
    this.#links.push({ value, finalization })
    this.#memberships.push(membershipAfter(this.#crypto, this.current, change))
    this.#members = rosterMembersAfter(this.#members, change)
    return { change, height: value.height }
  }

  /** The members of the day. */
  get current(): Membership {
    const membership = this.#memberships.at(-1)
    if (membership === undefined) throw new TypeError('there is no epoch')
    return membership
  }

  /** The members of the day, with the URLs of all. */
  get members(): readonly RosterMember[] {
    return this.#members
  }

  /** The members of an epoch, when it has begun. */
  at(epoch: number): Membership | undefined {
    return this.#memberships[epoch]
  }

  /** The changes that led to an epoch from the first one. */
  linksTo(epoch: number): readonly ChangeLink[] {
    return this.#links.slice(0, epoch)
  }

  /** The change that ended an epoch. */
  changeAfter(epoch: number): Change | undefined {
    const link = this.#links[epoch]
    return link === undefined ? undefined : changesIn(link.value)[0]?.body.change
  }

  /** The membership file, with all that has changed since. */
  get roster(): Roster {
    const { changes: _, ...first } = this.#roster
    return this.#links.length === 0 ? first : { ...first, changes: this.#links }
  }

  standingOf(id: string): Standing {
    if (this.#members.some((member) => member.id === id)) return 'member'
    return this.#former.has(id) ? 'removed' : 'joining'
  }

  /** Whether somebody has, or had, this name. */
  isKnown(id: string): boolean {
    return this.standingOf(id) !== 'joining' || this.#inFile.some((member) => member.id === id)
  }

  /** The height that removed somebody. */
  removedAt(id: string): number | undefined {
    return this.#former.get(id)?.until
  }

  /** Whom the machine hears although they are no members now. */
  acquaintance(id: string): Acquaintance | undefined {
    const later = this.#later.find((member) => member.id === id)
    if (later !== undefined) return { publicKey: later.publicKey, until: Number.POSITIVE_INFINITY }
    const former = this.#former.get(id)
    return former === undefined ? undefined : { publicKey: former.member.publicKey, until: former.until }
  }

  /** Whom a transport talks to: the members, those whom the file knows beyond, and, when they ask, former members. */
  contacts(self: string): readonly CouncilContact[] {
    const contacts = new Map<string, CouncilContact>()
    for (const [id, { member }] of this.#former) contacts.set(id, contactOf(member, false))
    for (const member of [...this.#members, ...this.#later]) contacts.set(member.id, contactOf(member, true))
    contacts.delete(self)
    return [...contacts.values()]
  }

  get #later(): readonly RosterMember[] {
    return this.#epochInFile < this.#memberships.length ? [] : this.#inFile
  }
}

function contactOf({ id, url, publicKey }: RosterMember, isMember: boolean): CouncilContact {
  return { id, url, publicKey, isMember }
}

/**
 * The desk at which people answer. What a person is asked waits in its mailbox like any message; no worker takes it.
 * To answer, a process leases that mailbox for a moment and runs the one turn, with the person's vote for a handler:
 * so an answer is a turn like any other, signed, recorded and once.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { ErrorDetails } from '../core/errors.ts'
import { ulid } from '../core/ids.ts'
import type { Json } from '../core/json.ts'
import { parseWith } from '../core/schema.ts'
import type { Grant, Mail, MessageRow, Outcome } from '../ports/store.ts'
import { PERSON } from '../turn/definition.ts'
import { PERSON_HANDLER } from '../turn/person.ts'
import type { Question, Vote } from '../turn/turn.ts'
import { ballotFor, chooseOf, proposalIn, type RevealRequest } from '../turn/vote.ts'
import { choiceText } from '../voting/ballot.ts'
import { ABSTAIN, proposalHash, type Proposal } from '../voting/proposal.ts'
import { compare } from '../voting/shape.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { checkLimit } from './refusals.ts'
import type { Trust } from './trust.ts'
import { isLate, type TurnHost } from './turn-host.ts'
import { prepareTurn } from './turn-run.ts'

const WAITING_MAX = 100
const TRIES = 40
const TRY_MS = 50

/** Which approvals to list. */
export interface ApprovalsOptions {
  /** Only those that wait for this person. */
  readonly person?: string
  /** How many for each person; by default 100. */
  readonly limit?: number
}

/** Something that waits for a person. */
export interface Approval extends Question {
  /** Of the message that asks; answer it under this id. */
  readonly id: string
  readonly decision: string
  readonly person: string
  /** The proposal hash: what exactly is answered, with the action and its arguments. The ballot names it. */
  readonly hash: string
  /** The vote is sealed, and this person has voted already: it is asked to show the ballot, whatever it answers now. */
  readonly shows: boolean
  /** The address that asks. */
  readonly from: string
  readonly trace: string
  /** Milliseconds since the epoch. */
  readonly askedAt: number
  readonly deadline: number | null
}

/** What a person says. */
export interface PersonAnswer extends Pick<Vote, 'choice'> {
  readonly reason?: string
  /** Which person answers, when the decision waits for several. */
  readonly as?: string
}

/** What a desk works with. */
export interface DeskParts {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
}

export class Desk {
  readonly #parts: DeskParts

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** What waits for people, the longest wait first. Throws COTERIE_UNKNOWN_RECIPIENT for a person that is none. */
  async waiting({ person, limit = WAITING_MAX }: ApprovalsOptions): Promise<readonly Approval[]> {
    const { context, directory, trust } = this.#parts
    checkLimit(limit)
    const registry = await directory.refresh()
    const people = registry.agents().filter(({ handlers }) => handlers.some(({ name }) => name === PERSON))
    const names = people.map(({ name }) => name)
    if (person !== undefined && !names.includes(person)) {
      throw new CoterieError(
        'COTERIE_UNKNOWN_RECIPIENT',
        `The space "${context.store.name}" has no person "${person}"; it has: ${names.join(', ') || 'none'}.`,
        { details: { person, people: names } },
      )
    }
    const approvals: Approval[] = []
    for (const { name } of people) {
      if (person !== undefined && person !== name) continue
      const { mail } = await context.store.mail(name, { limit })
      for (const message of mail) {
        if (isLate({ context, late: new Set() }, message)) continue
        await trust.check(message)
        // Whatever else somebody sends to a person is no question.
        if (message.envelope.kind === 'ask') approvals.push(this.#approvalOf(message))
      }
    }
    return approvals.toSorted(
      (left, right) => left.askedAt - right.askedAt || compare(left.person, right.person),
    )
  }

  /** Signs the person's answer, and resolves when it is durable. */
  async answer(id: string, { choice, reason = '', as }: PersonAnswer): Promise<Approval> {
    const approval = await this.#find(id, as)
    const { store, clock } = this.#parts.context
    const worker = `w_${ulid(clock.now(), this.#parts.context.random.bytes(10))}`
    const grant = await this.#lease(approval.person, worker)
    try {
      const row = await store.message(approval.id)
      if (row?.state !== 'queued') throw closed(row, approval.id)
      await this.#parts.trust.check(row)
      this.#checkVote(row, { choice, reason })
      const outcome = await this.#run(grant, row, { choice, reason })
      if (outcome?.type !== 'accepted') throw refused(approval, outcome)
      return approval
    } finally {
      this.#parts.committer.forget(approval.person)
      await store.retire(worker)
    }
  }

  async #find(id: string, as: string | undefined): Promise<Approval> {
    const { store } = this.#parts.context
    const person = as === undefined ? {} : { person: as }
    const all = await this.waiting({ ...person, limit: Number.MAX_SAFE_INTEGER })
    const mine = all.filter((one) => one.id === id || one.decision === id)
    const [only, ...others] = mine
    if (only === undefined) {
      if ((await store.decision(id)) !== undefined) throw tooLate(id, 'it is decided', { id })
      throw closed(id.startsWith('msg_') ? await store.message(id) : undefined, id)
    }
    if (others.length === 0) return only
    const names = mine
      .map(({ person }) => person)
      .toSorted()
      .join(', ')
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      `${id} waits for several people: ${names}. Say who answers.`,
    )
  }

  async #lease(person: string, worker: string): Promise<Grant> {
    const { context, committer } = this.#parts
    for (let tries = 0; tries < TRIES; tries++) {
      await context.store.heartbeat(worker, context.limits.leaseMs, [])
      const grant = await context.store.lease(person, worker)
      if (grant !== undefined) {
        committer.setHead(person, grant.head)
        return grant
      }
      await new Promise<void>((resolve) => context.clock.setTimer(TRY_MS, resolve))
    }
    await context.store.retire(worker)
    throw new CoterieError(
      'COTERIE_LEASE_LOST',
      `Somebody else is answering for ${person} at this moment; try again.`,
    )
  }

  /** A vote that cannot count is refused here: it must not end the request. */
  #checkVote(mail: Mail, vote: Vote): void {
    const input = inputOf(mail)
    const { context, directory } = this.#parts
    const key = directory.signer(mail.envelope.to)
    const proposal = proposalIn(input)
    const self = {
      space: context.store.id,
      address: mail.envelope.to,
      key: key.id,
      publicKey: key.publicKey,
      reasonChars: context.limits.reasonChars,
      now: context.clock.now(),
    }
    try {
      ballotFor(proposal, proposalHash(context.crypto, proposal), self, 'close' in input ? ABSTENTION : vote)
    } catch (cause) {
      if (!(cause instanceof CoterieError) || cause.code !== 'COTERIE_INVALID_REPLY') throw cause
      const options = [...proposal.options, ABSTAIN].join(', ')
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `${choiceText(vote.choice)} is no answer to this; the options are: ${options}.`,
        { cause },
      )
    }
  }

  async #run({ lease }: Grant, mail: Mail, vote: Vote): Promise<Outcome | undefined> {
    const { committer } = this.#parts
    const host: TurnHost = {
      ...this.#parts,
      lease,
      late: new Set(),
      line: committer.line(lease.address),
      barrier: () => Promise.resolve(),
      confirm: () => Promise.resolve(),
    }
    const run = await prepareTurn(host, mail, { ...PERSON_HANDLER, run: () => vote })
    const { engine } = run
    run.begin()
    const halt = await engine.halted()
    if (halt.type === 'aborted') throw halt.error
    if (halt.type !== 'ended') return undefined
    const outcome = await halt.outcome
    if (engine.lastEnd === 'handled') return outcome
    const { id } = mail.envelope
    throw new CoterieError('COTERIE_TURN_FAILED', `The answer to ${id} failed; "coterie why ${id}" says why.`)
  }

  #approvalOf(mail: Mail): Approval {
    const input = inputOf(mail)
    const proposal = proposalIn(input)
    const { envelope } = mail
    return {
      id: envelope.id,
      decision: proposal.decision,
      person: envelope.to,
      question: proposal.question,
      subject: proposal.subject ?? null,
      options: proposal.options,
      choose: chooseOf(proposal),
      hash: proposalHash(this.#parts.context.crypto, proposal),
      shows: 'close' in input,
      from: envelope.from,
      trace: envelope.trace,
      askedAt: envelope.sentAt,
      deadline: envelope.deadline,
    }
  }
}

const ABSTENTION: Vote = { choice: ABSTAIN, reason: '' }

function inputOf({ envelope, payload }: Mail): Proposal | RevealRequest {
  return parseWith(
    PERSON_HANDLER.input,
    JSON.parse(payload) as Json,
    `${envelope.to} ${envelope.handler}`,
  ) as Proposal | RevealRequest
}

/** Why there is nothing to answer. */
function closed(row: MessageRow | undefined, id: string): CoterieError {
  if (row === undefined || row.envelope.handler !== PERSON) {
    return new CoterieError('COTERIE_NOT_FOUND', `Nothing waits for a person under "${id}".`, {
      details: { id },
    })
  }
  const { deadline } = row.envelope
  const how =
    row.state === 'handled'
      ? 'it was answered'
      : row.state === 'queued'
        ? 'it is too late'
        : `it is ${row.state}`
  return tooLate(id, how, { id, state: row.state, deadline })
}

function tooLate(id: string, how: string, details: ErrorDetails): CoterieError {
  return new CoterieError('COTERIE_DECISION_CLOSED', `${id} takes no answer any more: ${how}.`, { details })
}

function refused({ id, person }: Approval, outcome: Outcome | undefined): CoterieError {
  if (outcome?.type === 'fenced')
    return new CoterieError('COTERIE_LEASE_LOST', `Somebody else answered for ${person} at this moment.`)
  if (outcome?.type === 'expired' || outcome?.type === 'ended') return tooLate(id, 'it has ended', { id })
  return new CoterieError(
    'COTERIE_STORE_FAILED',
    `The answer to ${id} was not written: ${outcome?.type ?? 'the turn did not end'}.`,
  )
}

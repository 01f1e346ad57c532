/**
 * How liars lie, by name. A liar runs the honest machine, and a strategy changes what leaves it: so it lies about what
 * is going on, and not at random.
 *
 * @module
 */

import type { Certificate } from '../../bft/certificate.ts'
import type { Message } from '../../bft/messages.ts'
import { proposalDigest, valueDigest, type Operation, type Proposal, type Value } from '../../bft/proposal.ts'
import type { Replica } from '../../bft/state.ts'
import type { Statement } from '../../bft/statements.ts'
import type { Prng } from '../simulation/prng.ts'
import type { Seals } from './seals.ts'

/** What a liar sends in place of a message, and how much later. */
export interface Outgoing {
  readonly message: Message
  readonly delayMs: number
}

interface Choice {
  readonly proposal: string
  readonly value: string
}

/** What the liars of a run share: they know each other, and what each has proposed besides. */
export interface Conspiracy {
  /** The two proposals of a view, for members with even and odd places, by height and view. */
  readonly rivals: Map<string, readonly [even: Choice, odd: Choice]>
  /** Messages of others, to be sent again. */
  readonly overheard: Message[]
}

/** What a strategy works with. */
export interface LiarView {
  readonly replica: Replica
  readonly seals: Seals
  readonly prng: Prng
  readonly conspiracy: Conspiracy
  /** Signs anything with the liar's key. */
  sign<T extends Statement>(statement: T): T & { readonly signature: string }
}

type VoteMessage = Extract<Message, { type: 'vote' }>

/** What becomes of one message to one member; undefined when it is left alone. */
type Strategy = (liar: LiarView, message: Message, to: number) => readonly Outgoing[] | undefined

const now = (message: Message): Outgoing => ({ message, delayMs: 0 })
const isOwn = (liar: LiarView, message: Message): boolean =>
  (message.type === 'proposal' && message.proposal.statement.sender === liar.replica.self) ||
  (message.type === 'vote' && message.vote.sender === liar.replica.self)

/** The name of a way to lie. */
export type StrategyName =
  | 'silent'
  | 'equivocates-values'
  | 'equivocates-justification'
  | 'slow-leader'
  | 'proposes-to-few'
  | 'withholds-certificates'
  | 'garbage'
  | 'ignores-notarised'
  | 'forges-justification'
  | 'double-votes'
  | 'finalises-and-nullifies'
  | 'nullifies-only'
  | 'votes-for-unknown'
  | 'floods'
  | 'replays'
  | 'impersonates'
  | 'drops-own-votes'
  | 'forges-status'
  | 'poisons-replies'
  | 'answers-nothing'
  | 'forks-operations'
  | 'omits-operations'
  | 'seizes-membership'
  | 'complains'
  | 'leads-out-of-turn'
  | 'carries-another-value'
  | 'spoils-proposals'
  | 'spams-evidence'

const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  /** Says nothing at all. */
  silent: () => [],
  /** Gives different values to different members, and votes for both. */
  'equivocates-values': (liar, message, to) => {
    if (!isOwn(liar, message)) return undefined
    if (message.type === 'vote') return votesTo(liar, message.vote, [to])
    if (message.type !== 'proposal' || to % 2 === 0) return undefined
    return [now({ type: 'proposal', proposal: rivalOf(liar, message.proposal) })]
  },
  /** Gives one value with different justifications. */
  'equivocates-justification': (liar, message, to) => {
    if (to % 2 === 0 || message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    return [
      now({
        type: 'proposal',
        proposal: propose(liar, proposal, proposal.value, proposal.justification.slice(1)),
      }),
    ]
  },
  /** Proposes so late that the others nearly give up. */
  'slow-leader': (liar, message) =>
    message.type === 'proposal' && isOwn(liar, message)
      ? [{ message, delayMs: liar.replica.deltaMs * 1.9 }]
      : undefined,
  /** Proposes to so few that they are just not enough. */
  'proposes-to-few': (liar, message, to) => {
    const { quorumWeight, faultyWeight } = liar.replica.ledger.membership
    return message.type === 'proposal' && isOwn(liar, message) && to >= quorumWeight - faultyWeight
      ? []
      : undefined
  },
  /** Keeps certificates and final votes for itself, and shows them much later. */
  'withholds-certificates': (liar, message) => {
    const isHidden =
      message.type === 'certificate' || (message.type === 'vote' && message.vote.type === 'finalize')
    return isHidden ? [{ message, delayMs: liar.replica.deltaMs * 12 }] : undefined
  },
  /** Sends what is old, empty or too large. */
  garbage: (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    const [first] = proposal.value.operations
    const operations =
      liar.prng.chance(0.5) || first === undefined ? [] : Array.from({ length: 1_001 }, () => first)
    const value = { ...proposal.value, operations }
    return [now({ type: 'proposal', proposal: propose(liar, proposal, value, proposal.justification) })]
  },
  /** Proposes something new although something was notarised. */
  'ignores-notarised': (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    const justification = proposal.justification.filter(({ type }) => type === 'nullification')
    return [
      now({
        type: 'proposal',
        proposal: propose(liar, proposal, rivalValue(liar, proposal.value), justification),
      }),
    ]
  },
  /** Justifies itself with certificates that are no good. */
  'forges-justification': (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    const { view } = proposal.statement
    if (view === 0) return undefined
    const justification = Array.from({ length: view }, (_, at) => {
      const real = proposal.justification[at]
      return real === undefined ? forged(liar, proposal, at) : spoil(liar, real)
    })
    return [
      now({
        type: 'proposal',
        proposal: propose(liar, proposal, rivalValue(liar, proposal.value), justification),
      }),
    ]
  },
  /** Votes twice, for different things. */
  'double-votes': (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message)) return undefined
    const { vote } = message
    if (vote.type === 'nullify') return undefined
    const { signature: _, ...rest } = vote
    const other = liar.sign({ ...rest, proposal: 'd'.repeat(64) })
    return votesTo(liar, vote, [0, 1]) ?? [now(message), now({ type: 'vote', vote: other })]
  },
  /** Finalises, and gives the same view up. */
  'finalises-and-nullifies': (liar, message, to) => {
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type === 'nullify') return undefined
    const { type: _, signature: __, ...rest } = message.vote
    const { instance, epoch, membership, height, view, sender } = rest
    const nullify = liar.sign({ type: 'nullify', instance, epoch, membership, height, view, sender })
    return to % 2 === 0 ? [now(message)] : [now({ type: 'vote', vote: nullify })]
  },
  /** Gives every view up, and votes for nothing. */
  'nullifies-only': (liar, message) => {
    if (message.type === 'status') return [now(message), giveUp(liar)]
    if (message.type === 'proposal' && isOwn(liar, message)) return []
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type === 'nullify') return undefined
    const { instance, epoch, membership, height, view, sender } = message.vote
    const nullify = liar.sign({ type: 'nullify', instance, epoch, membership, height, view, sender })
    return [now({ type: 'vote', vote: nullify })]
  },
  /** Votes for something that nobody has proposed. */
  'votes-for-unknown': (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type === 'nullify') return undefined
    const { signature: _, ...vote } = message.vote
    return [
      now({ type: 'vote', vote: liar.sign({ ...vote, proposal: 'f'.repeat(64), value: 'e'.repeat(64) }) }),
    ]
  },
  /** Floods the others with votes for heights and views to come. */
  floods: (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message)) return undefined
    const { signature: _, ...vote } = message.vote
    const ahead = Array.from({ length: 6 }, () => {
      const height = vote.height + liar.prng.between(0, 40)
      return liar.sign({ ...vote, height, view: vote.view + liar.prng.between(1, 5_000) })
    })
    return [now(message), ...ahead.map((one) => now({ type: 'vote', vote: one }))]
  },
  /** Sends again what others have said: as another kind, in another council, of another epoch. */
  replays: (liar, message) => {
    const old = liar.conspiracy.overheard
    const heard = old[liar.prng.between(0, old.length - 1)]
    if (heard?.type !== 'vote' || heard.vote.type === 'nullify') return undefined
    const { vote } = heard
    const type = vote.type === 'notarize' ? 'finalize' : 'notarize'
    return [
      now(message),
      now(heard),
      now({ type: 'vote', vote: { ...vote, type } }),
      now({ type: 'vote', vote: { ...vote, height: liar.replica.height } }),
      now({ type: 'vote', vote: { ...vote, epoch: vote.epoch + 1 } }),
      now({ type: 'vote', vote: { ...vote, instance: 'another' } }),
    ]
  },
  /** Votes in the name of others, and bends their signatures. */
  impersonates: (liar, message, to) => {
    if (message.type !== 'vote' || !isOwn(liar, message)) return undefined
    const { signature, ...vote } = message.vote
    const forged = liar.sign({ ...vote, sender: to })
    const bent = { ...vote, signature: `${signature.slice(0, -2)}AA` }
    return [now({ type: 'vote', vote: forged }), now({ type: 'vote', vote: bent }), now(message)]
  },
  /** Passes on what others say, and says nothing itself. */
  'drops-own-votes': (liar, message) => (isOwn(liar, message) ? [] : undefined),
  /** Lies about how far it is. */
  'forges-status': (liar, message) => {
    if (message.type !== 'status') return undefined
    const { signature: _, ...status } = message.status
    const height = liar.prng.chance(0.5) ? 1 : status.height + liar.prng.pick([1, 1_000, 2 ** 40])
    return [now({ ...message, status: liar.sign({ ...status, height }) })]
  },
  /** Answers questions with decisions that it has changed. */
  'poisons-replies': (liar, message) => {
    if (message.type !== 'reply') return undefined
    const decisions = message.decisions.map((decision) => ({
      ...decision,
      value: rivalValue(liar, decision.value),
    }))
    return [now({ ...message, decisions, certificates: message.certificates.map((one) => spoil(liar, one)) })]
  },
  /** Never answers a question. */
  'answers-nothing': (_liar, message) => (message.type === 'reply' ? [] : undefined),
  /** Signs two operations with one sequence. */
  'forks-operations': (liar, message, to) => {
    if (message.type !== 'operation' || to % 2 === 0) return undefined
    if (message.operation.author !== liar.replica.rules.self) return undefined
    const { signature: _, ...operation } = message.operation
    const body = { kind: 'application', payload: [to, 'other'] } as const
    return [now({ type: 'operation', operation: liar.sign({ ...operation, body }) })]
  },
  /** Leaves out the operations of others. */
  'omits-operations': (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    return [
      now({
        type: 'proposal',
        proposal: propose(liar, proposal, rivalValue(liar, proposal.value), proposal.justification),
      }),
    ]
  },
  /** Wants a council of its own, without asking. */
  'seizes-membership': (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    const { self, ledger } = liar.replica
    const publicKey = Buffer.from(liar.prng.bytes(32)).toString('base64url')
    const remove = ledger.membership.members.flatMap(({ id }, at) => (at === (self + 1) % 4 ? [id] : []))
    const change = { add: [{ id: 'puppet', publicKey, weight: 1, url: '' }], remove }
    const scope = {
      instance: proposal.statement.instance,
      epoch: ledger.membership.epoch,
      membership: ledger.membership.digest,
    }
    const approval = {
      type: 'approval',
      ...scope,
      sender: self,
      change: liar.seals.digest('change', change),
    } as const
    const { signature } = liar.sign(approval)
    const signers = ledger.membership.members.map((_, at) => at)
    const body = { kind: 'change', change, signers, signatures: signers.map(() => signature) } as const
    const operations = [operationOf(liar, body)]
    return [
      now({
        type: 'proposal',
        proposal: propose(liar, proposal, { ...proposal.value, operations }, proposal.justification),
      }),
    ]
  },
  /** Proposes in views that are not its own. */
  'leads-out-of-turn': (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type !== 'notarize') return undefined
    const { type: _, signature: __, value: ___, ...place } = message.vote
    const { height, previous, stateRoot } = { ...liar.replica.ledger, height: place.height }
    const operations = [operationOf(liar, { kind: 'application', payload: 'out of turn' })]
    const value = { height, previous, stateRoot, operations, complaints: [] }
    const like = {
      statement: { type: 'propose', ...place, signature: '' },
      value,
      justification: [],
      previous: null,
    } as const
    const { justification } = liar.replica.rounds.get(place.view)?.proposals.get(place.proposal) ?? like
    return [now(message), now({ type: 'proposal', proposal: propose(liar, like, value, justification) })]
  },
  /** Shows what was notarised, and proposes something else. */
  'carries-another-value': (liar, message) => {
    if (message.type !== 'proposal' || !isOwn(liar, message)) return undefined
    const { proposal } = message
    if (!proposal.justification.some(({ type }) => type === 'notarization')) return undefined
    const value = rivalValue(liar, proposal.value)
    return [now({ type: 'proposal', proposal: propose(liar, proposal, value, proposal.justification) })]
  },
  /** Passes the proposals of honest leaders on, with something else in them. */
  'spoils-proposals': (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type !== 'notarize') return undefined
    const { view, proposal: digest } = message.vote
    const proposal = liar.replica.rounds.get(view)?.proposals.get(digest)
    if (proposal === undefined) return undefined
    const justification = [forged(liar, proposal, 0)]
    const spoiled = [
      { ...proposal, value: rivalValue(liar, proposal.value) },
      { ...proposal, justification },
    ]
    return [...spoiled.map((one) => now({ type: 'proposal', proposal: one })), now(message)]
  },
  /** Contradicts itself without end: each contradiction would be a piece of evidence. */
  'spams-evidence': (liar, message) => {
    if (message.type !== 'vote' || !isOwn(liar, message) || message.vote.type === 'nullify') return undefined
    const { signature: _, ...vote } = message.vote
    const others = Array.from({ length: 12 }, (_one, at) => {
      return now({ type: 'vote', vote: liar.sign({ ...vote, proposal: `${at}`.padStart(64, 'd') }) })
    })
    return [now(message), ...others]
  },
  /** Complains of everybody. */
  complains: (liar, message, to) => {
    if (message.type !== 'vote' || !isOwn(liar, message)) return undefined
    const { instance, epoch, membership, height, sender } = message.vote
    const leader = liar.replica.ledger.membership.members[to]?.id ?? ''
    const complaint = liar.sign({
      type: 'complaint',
      instance,
      epoch,
      membership,
      height,
      view: 0,
      sender,
      leader,
    })
    return [now(message), now({ type: 'complaint', complaint })]
  },
}

/** All ways to lie. */
export const STRATEGY_NAMES: readonly StrategyName[] = Object.keys(STRATEGIES) as StrategyName[]

/** What a liar with these strategies sends in place of a message: each changes what the ones before have left. */
export function lie(
  strategies: readonly StrategyName[],
  liar: LiarView,
  message: Message,
  to: number,
): readonly Outgoing[] {
  let outgoing: readonly Outgoing[] = [now(message)]
  for (const name of strategies) {
    const strategy: Strategy = STRATEGIES[name]
    outgoing = outgoing.flatMap((one) => {
      const changed = strategy(liar, one.message, to)
      return changed?.map((other) => ({ ...other, delayMs: other.delayMs + one.delayMs })) ?? [one]
    })
  }
  return outgoing
}

function propose(
  liar: LiarView,
  like: Proposal,
  value: Value,
  justification: readonly Certificate[],
): Proposal {
  const { seals } = liar
  const { signature: _, ...statement } = like.statement
  const digest = valueDigest(seals, value)
  const proposal = proposalDigest(seals, statement, digest, justification)
  const honest = { proposal: statement.proposal, value: valueDigest(seals, like.value) }
  liar.conspiracy.rivals.set(`${statement.height} ${statement.view}`, [honest, { proposal, value: digest }])
  return { ...like, statement: liar.sign({ ...statement, proposal }), value, justification }
}

function rivalOf(liar: LiarView, proposal: Proposal): Proposal {
  return propose(liar, proposal, rivalValue(liar, proposal.value), proposal.justification)
}

function rivalValue(liar: LiarView, value: Value): Value {
  return {
    ...value,
    operations: [operationOf(liar, { kind: 'application', payload: ['rival', value.height] })],
  }
}

function operationOf(liar: LiarView, body: Operation['body']): Operation {
  const { ledger, rules } = liar.replica
  const sequence = (ledger.sequences.get(rules.self) ?? 0) + 1
  const { instance, self } = rules
  return liar.sign({ type: 'operation', instance, author: self, sequence, expires: 0, body })
}

/** The votes for what members with these places were given to vote for. */
function votesTo(
  liar: LiarView,
  signed: VoteMessage['vote'],
  places: readonly number[],
): readonly Outgoing[] | undefined {
  if (signed.type === 'nullify') return undefined
  const { signature: _, ...vote } = signed
  const choices = liar.conspiracy.rivals.get(`${vote.height} ${vote.view}`)
  if (choices === undefined) return undefined
  return places.map((place) => {
    return now({ type: 'vote', vote: liar.sign({ ...vote, ...choices[place % 2 === 0 ? 0 : 1] }) })
  })
}

/** The liar's vote to give its present view up. */
function giveUp(liar: LiarView): Outgoing {
  const { replica } = liar
  const { epoch, digest } = replica.ledger.membership
  const { height, view, self: sender } = replica
  const scope = { instance: replica.rules.instance, epoch, membership: digest }
  return now({ type: 'vote', vote: liar.sign({ type: 'nullify', ...scope, height, view, sender }) })
}

/** A nullification that the liar alone has signed. */
function forged(liar: LiarView, like: Proposal, view: number): Certificate {
  const { instance, epoch, membership, height } = like.statement
  const { members } = liar.replica.ledger.membership
  const { signature } = liar.sign({
    type: 'nullify',
    instance,
    epoch,
    membership,
    height,
    view,
    sender: liar.replica.self,
  })
  const signers = members.map((_, at) => at)
  const signatures = signers.map(() => signature)
  return {
    type: 'nullification',
    instance,
    epoch,
    membership,
    height,
    view,
    proposal: '',
    value: '',
    signers,
    signatures,
  }
}

/** A certificate with something wrong in it. */
function spoil(liar: LiarView, certificate: Certificate): Certificate {
  const { signers, signatures, height, epoch, view } = certificate
  return liar.prng.pick<() => Certificate>([
    () => ({
      ...certificate,
      signers: signers.map(() => signers[0] ?? 0),
      signatures: signatures.map(() => signatures[0] ?? ''),
    }),
    () => ({ ...certificate, signers: signers.slice(1), signatures: signatures.slice(1) }),
    () => ({ ...certificate, epoch: epoch + 1 }),
    () => ({ ...certificate, height: height + 1 }),
    () => ({ ...certificate, view: view + 1 }),
    () => ({ ...certificate, signers: signers.map((at) => at + 2 ** 31) }),
    () => ({ ...certificate, signatures: signatures.toReversed() }),
  ])()
}

/**
 * The member's side of a vote: what an agent's key signs when it is asked for its ballot.
 *
 * Each member keeps a register: a stream of its own for each decision, which commits with the ballot. So it signs one
 * ballot for a decision and no second, however often, and by whomever, it is asked; and in a sealed vote it shows its
 * ballot for one set of commitments alone. The sealed ballot lies there as ciphertext under the member's own key,
 * until it is shown: that is how it survives a crash in between.
 *
 * @module
 */

import { toBase64url, utf8 } from '../core/bytes.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import type { KeyPair } from '../ports/crypto.ts'
import { ballotFor, proposalIn } from '../turn/vote.ts'
import type { RevealRequest } from '../turn/vote.ts'
import { ballotBytes, choiceText, isSignedBallot } from '../voting/ballot.ts'
import type { Ballot, SignedBallot } from '../voting/ballot.ts'
import { proposalHash } from '../voting/proposal.ts'
import type { Proposal } from '../voting/proposal.ts'
import { commitmentBytes, isSignedCommitment, sealHash } from '../voting/sealed.ts'
import type { SignedCommitment } from '../voting/sealed.ts'
import { encode } from './outbox.ts'
import type { TrustedStream } from './trusted-streams.ts'
import type { TurnEngine } from './turn-engine.ts'

const NONCE_BYTES = 32
/** AES-GCM, NIST SP 800-38D. */
const IV_BYTES = 12

type Answer = SignedBallot | SignedCommitment

/** What the register says of the vote. */
interface Voted {
  readonly proposal: string
  readonly answer: Answer
  /** The sealed ballot, under the member's own key. */
  readonly box?: string
}

/** The member's answer if it needs no judgement: it has voted already, or is asked to show its sealed ballot. */
export async function knownAnswer(
  engine: TurnEngine,
  input: Proposal | RevealRequest,
): Promise<Answer | undefined> {
  const proposal = proposalIn(input)
  const register = await readRegister(engine, proposal)
  const voted = votedIn(engine, register, proposal)
  if (!('close' in input)) return voted?.answer
  return show(engine, register, input, voted)
}

/** Signs what the member judged: its ballot, or in a sealed vote its commitment to it. */
export async function signVote(engine: TurnEngine, proposal: Proposal, vote: unknown): Promise<Answer> {
  const { context, directory, lease } = engine.host
  const { crypto, random } = context
  const key = directory.signer(lease.address)
  const hash = proposalHash(crypto, proposal)
  const ballot = ballotFor(proposal, hash, selfOf(engine, key), vote)
  // While the turn waited, it may have been asked again, and have answered.
  const register = await readRegister(engine, proposal)
  const earlier = votedIn(engine, register, proposal)
  if (earlier !== undefined) return earlier.answer
  if (proposal.sealed === undefined) {
    const answer = signed(engine, key, ballot)
    record(engine, register, proposal, 'voted', { proposal: hash, answer })
    return answer
  }
  const whole = { ...ballot, nonce: toBase64url(random.bytes(NONCE_BYTES)) }
  const { v, space, decision, member } = ballot
  const sha256 = sealHash(crypto, whole)
  const commitment = { v, space, decision, proposal: hash, member, key: key.id, sha256 }
  const answer = { commitment, signature: crypto.sign(key.privateKey, commitmentBytes(commitment)) }
  const place = boxPlace(ballot)
  const box = crypto.seal(key.privateKey, place, random.bytes(IV_BYTES), utf8(canonicalize(whole)))
  record(engine, register, proposal, 'voted', { proposal: hash, answer, box })
  return answer
}

/** Shows the sealed ballot, for one set of commitments and for no other. */
function show(
  engine: TurnEngine,
  register: TrustedStream,
  { proposal, close }: RevealRequest,
  voted: Voted | undefined,
): SignedBallot {
  const { crypto } = engine.host.context
  const key = engine.host.directory.signer(engine.host.lease.address)
  // Judged as if it voted now: the proposal must name this member, with the key that it has.
  ballotFor(proposal, proposalHash(crypto, proposal), selfOf(engine, key), { choice: 'abstain', reason: '' })
  if (voted?.box === undefined) throw refusal(engine, proposal, 'has committed itself to no ballot there')
  const shown = register.events.find(({ type }) => type === 'shown')
  if (shown !== undefined) {
    const { answer } = JSON.parse(shown.data) as { readonly answer: unknown }
    if (isSignedBallot(answer) && answer.ballot.close === close && isMine(engine, proposal, answer))
      return answer
    throw refusal(engine, proposal, 'has shown its ballot there for another set of commitments')
  }
  const place = boxPlace({ ...proposal, member: engine.host.lease.address })
  const text = crypto.unseal(key.privateKey, place, voted.box)
  if (text === undefined) throw refusal(engine, proposal, 'cannot open the ballot that it sealed there')
  const ballot = JSON.parse(new TextDecoder().decode(text)) as Ballot
  const answer = signed(engine, key, { ...ballot, close })
  record(engine, register, proposal, 'shown', { answer })
  return answer
}

function signed(engine: TurnEngine, key: KeyPair, ballot: Ballot): SignedBallot {
  const { choice, reason } = ballot
  if (reason !== '') engine.effects.reasons.push(`votes ${choiceText(choice)}: ${reason}`)
  return { ballot, signature: engine.host.context.crypto.sign(key.privateKey, ballotBytes(ballot)) }
}

/** The earlier vote, if there is one. What stands in the register is believed only under the member's signature. */
function votedIn(engine: TurnEngine, register: TrustedStream, proposal: Proposal): Voted | undefined {
  const event = register.events.find(({ type }) => type === 'voted')
  if (event === undefined) return undefined
  const voted = JSON.parse(event.data) as Voted
  if (voted.proposal !== proposalHash(engine.host.context.crypto, proposal)) {
    throw refusal(engine, proposal, 'has voted there, on another proposal')
  }
  if (isMine(engine, proposal, voted.answer)) return voted
  throw refusal(engine, proposal, 'finds a vote in its register that it did not sign')
}

function isMine(engine: TurnEngine, { electorate }: Proposal, answer: unknown): boolean {
  const { crypto } = engine.host.context
  const self = engine.host.lease.address
  const publicKey = electorate.find(({ member }) => member === self)?.publicKey ?? ''
  if (isSignedCommitment(answer)) {
    const { commitment, signature } = answer
    return commitment.member === self && crypto.verify(publicKey, commitmentBytes(commitment), signature)
  }
  if (!isSignedBallot(answer) || answer.ballot.member !== self) return false
  return crypto.verify(publicKey, ballotBytes(answer.ballot), answer.signature)
}

async function readRegister(engine: TurnEngine, { decision }: Proposal): Promise<TrustedStream> {
  const { host } = engine
  await host.barrier()
  const register = await host.trust.readStream(registerOf(engine, decision))
  engine.checkLive()
  return register
}

/** One stream for each member and decision; a handler cannot append to it, for its name begins with "@". */
function registerOf({ host }: TurnEngine, decision: string): string {
  return `@ballot/${host.context.crypto.sha256(canonicalize([host.lease.address, decision]))}`
}

/** Commits with the turn, and only if nothing was written there since it was read. */
function record(
  engine: TurnEngine,
  { version, events }: TrustedStream,
  { decision }: Proposal,
  type: 'voted' | 'shown',
  data: object,
): void {
  const stream = registerOf(engine, decision)
  const { context } = engine.host
  const { text } = encode(context, data, 'A ballot')
  engine.effects.reads.set(stream, { version, events, call: engine.journal.calls })
  engine.effects.addEvent({ stream, type, data: text, hash: context.crypto.sha256(text) })
}

function boxPlace({ space, decision, member }: Pick<Ballot, 'space' | 'decision' | 'member'>): Uint8Array {
  return utf8(canonicalize(['coterie sealed ballot', space, decision, member]))
}

function selfOf({ host }: TurnEngine, key: KeyPair): Parameters<typeof ballotFor>[2] {
  const { store, limits, clock } = host.context
  return {
    space: store.id,
    address: host.lease.address,
    key: key.id,
    publicKey: key.publicKey,
    reasonChars: limits.reasonChars,
    now: clock.now(),
  }
}

function refusal({ host }: TurnEngine, { decision }: Proposal, why: string): CoterieError {
  const message = `${host.lease.address} signs nothing more for decision ${decision}: it ${why}.`
  return new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details: { decision } })
}

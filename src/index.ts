/**
 * Coterie: durable agents that act as one reliable system.
 *
 * @module
 */

// Define agents.
export { agent, on, topic } from './turn/definition.ts'
export { person } from './turn/person.ts'
export type { Person } from './turn/person.ts'
export { vote } from './turn/vote.ts'
export type {
  Agent,
  AnyAgent,
  FailurePolicy,
  Handler,
  HandlerOptions,
  HandlerRef,
  Handlers,
  StalePolicy,
  Topic,
} from './turn/definition.ts'

// Inside a turn.
export type {
  AskOptions,
  DecideOptions,
  Decision,
  Electorate,
  Escalation,
  PersonRef,
  Question,
  SendOptions,
  Settled,
  StepContext,
  StepOptions,
  Turn,
  TurnEvent,
  Usage,
  Vote,
  Voter,
} from './turn/turn.ts'
export type { RetryPolicy } from './core/retry.ts'

// Open a space and use it from outside.
export { open } from './open.ts'
export type { OpenOptions } from './open.ts'
export type { OutsideOptions, Receipt, Space } from './runtime/space.ts'
export type { Saying, Voice } from './runtime/voice.ts'
export type { Approval, ApprovalsOptions, PersonAnswer } from './runtime/desk.ts'
export type { KeyChange, RevokeOptions } from './runtime/key-office.ts'
export type { MessageKind, MessageState } from './core/message.ts'

// Actions that need leave.
export { action, guard } from './runtime/guard.ts'
export type { Action, Guarded, GuardOptions, RiskPolicy, VoteTerms, Way } from './runtime/guard.ts'

// Decisions and their proofs.
export { approval, majority, ranked, supermajority, threshold, twoThirds, unanimity } from './voting/rule.ts'
export { verifyCertificate } from './voting/certificate.ts'
export type { Rule, RuleOptions, Safeguards, Share, TiePolicy } from './voting/rule.ts'
export type { Ballot, SignedBallot } from './voting/ballot.ts'
export type { Certificate, CertificateVerdict, TrustedKey } from './voting/certificate.ts'
export type { Member, Proposal } from './voting/proposal.ts'

// Errors and limits.
export { CoterieError } from './core/errors.ts'
export type { ErrorCode, ErrorDetails, ErrorValue } from './core/errors.ts'
export { DEFAULT_LIMITS } from './core/limits.ts'
export type { Limits } from './core/limits.ts'

// Ports that a program may bring itself.
export { nodeCrypto } from './adapters/node/crypto.ts'
export { jsonLogger } from './adapters/node/logger.ts'
export type { Crypto, KeyPair, PrivateKey } from './ports/crypto.ts'
export type { Keyring } from './ports/keyring.ts'
export type { LogFields, Logger, LogLevel } from './ports/logger.ts'
export type { StandardSchema } from './core/schema.ts'

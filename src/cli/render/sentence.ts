/**
 * The answer to "why?" in one sentence, by rules: who did what, because of what.
 *
 * @module
 */

import type { DecisionView } from '../queries/decision.ts'
import type { MessageView } from '../queries/message.ts'
import type { WhyLink, WhyReport } from '../queries/why.ts'
import { clean, clip, counted } from './text.ts'
import { timeText } from './time.ts'

const QUESTION_CHARS = 200
const ERROR_CHARS = 300

/** One sentence, or two for what began long before. */
export function sentenceFor({ asked, decision, chain }: WhyReport): string {
  const [first] = chain
  if (decision !== null) {
    const { problem } = decision.certificate
    const flaw = decision.proof.problem ?? problem
    if (flaw !== null) return unproved(decision.id, flaw)
    if (first === undefined) return `${decided('Somebody', decision)}.`
    const { to, handler } = first.message
    return `${decided(clean(to), decision)} while it handled "${clean(handler)}", ${origin(chain)}`
  }
  if (first === undefined) return `Nothing is known of ${asked.id}.`
  if (first.proof.problem !== null) return unproved(asked.id, first.proof.problem)
  return `${did(first)}, ${origin(chain)}`
}

/** What became of a message, as the beginning of a sentence. */
export function did({ message }: WhyLink): string {
  const { from, to, failed, state, attempts, dueAt } = message
  const [who, sender, what] = [clean(to), clean(from), `"${clean(message.handler)}"`]
  if (message.kind === 'reply') {
    return failed
      ? `${sender} failed to answer the question ${what} of ${who}`
      : `${sender} answered the question ${what} of ${who}`
  }
  switch (state) {
    case 'handled':
    case 'answered':
      return `${who} handled ${what}`
    case 'dead':
      return `${who} gave up on ${what} after ${counted(attempts, 'failed attempt')}${errorText(message)}`
    case 'expired':
      return `${what} for ${who} expired${reasonText(message)}`
    case 'cancelled':
      return `${what} for ${who} was cancelled${reasonText(message)}`
    case 'cancelling':
      return `${who} is undoing ${what}`
    case 'waiting':
      return `${who} is handling ${what} and waits`
    case 'delivered':
      return `${who} is handling ${what}`
    case 'scheduled':
      return `${what} for ${who} is not due before ${dueAt === null ? 'later' : timeText(dueAt)}`
    case 'queued':
      return attempts > 0
        ? `${who} failed at ${what} ${counted(attempts, 'time')} and will try again`
        : `${what} stands in the mailbox of ${who}`
  }
}

/** Who sent a message, and on what occasion: `asked by lead while it handled "go"`. */
export function sentBy({ message }: WhyLink, before: WhyLink | undefined): string {
  const sender = clean(message.from)
  const verb = { ask: 'asked', send: 'sent', topic: 'published', reply: 'written' }[message.kind]
  if (message.kind === 'reply' && before !== undefined)
    return `because ${clean(before.message.from)} had asked`
  const occasion =
    message.cause === null || before === undefined
      ? 'from outside the space'
      : `while it handled "${clean(before.message.handler)}"`
  return `${verb} by ${sender} ${occasion}`
}

function decided(who: string, { question, outcome, counts, needed, total }: DecisionView): string {
  const asked = `"${clip(question, QUESTION_CHARS)}"`
  if (outcome === 'none')
    return `${who} got no decision on ${asked}: no option had the ${needed} of ${total} votes needed`
  const votes = counts[outcome] ?? 0
  return `${who} decided "${clean(outcome)}" on ${asked} with ${votes} of ${counted(total, 'vote')} (${needed} needed)`
}

function origin(chain: readonly WhyLink[]): string {
  const [first, second] = chain
  if (first === undefined) return 'from an unknown cause.'
  const last = chain.at(-1)
  const direct = sentBy(first, second)
  if (last === undefined || chain.length < 3) return `${direct}.`
  const { from, to, handler, kind, sentAt } = last.message
  const verb = kind === 'ask' ? 'asked' : 'sent'
  return (
    `${direct}. It began ${counted(chain.length - 1, 'message')} earlier, when ${clean(from)} ` +
    `${verb} ${clean(to)} "${clean(handler)}" at ${timeText(sentAt)}.`
  )
}

function unproved(id: string, problem: string): string {
  return `Nothing can be said of ${clean(id)}: it does not verify, because ${clean(problem)}.`
}

function errorText({ error }: MessageView): string {
  return error === null ? '' : ` (${clip(error.message, ERROR_CHARS).replace(/[.]$/, '')})`
}

function reasonText({ reason }: MessageView): string {
  return reason === null ? '' : ` (${clean(reason)})`
}

/**
 * The sets of message states that partial indexes are made of. SQLite uses a partial index only for a query that
 * repeats the index's condition word for word: the fragments below are those words. The numbers are those of
 * src/mailbox/states.ts.
 *
 * @module
 */

/** Condition for messages that are not final. */
export const LIVE = 'state between 3 and 8'

/** Condition of `messages_queue`: what stands in a mailbox. */
export const IN_QUEUE = 'state between 5 and 8'

/** Condition of `messages_delivered`: what a worker has in hand, or had when it stopped. */
export const IN_DELIVERED = 'state = 8'

/**
 * Condition of `messages_retry`: a queued message that failed, and waits or has waited for its next attempt.
 */
export const IN_RETRY = 'state = 7 and due_ms is not null'

/** Condition of `messages_due`: scheduled messages and retries; no other has a time. */
export const IN_DUE = 'due_ms is not null'

/** Condition of `messages_deadline`. */
export const IN_DEADLINE = 'state between 3 and 8 and deadline_ms is not null'

/** Condition of `messages_aside`. */
export const IN_ASIDE = 'state < 7'

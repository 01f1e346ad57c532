/**
 * What is selected of the tables.
 *
 * @module
 */

/** What every query for mail selects: `m` is the message, `c` its contents. */
export const MAIL_COLUMNS = `m.place, m.id, m.recipient, m.position, m.state, m.queue, m.attempts, m.segments,
  m.crashes, c.envelope, c.hash, c.payload`

/** What a query for message rows selects besides. */
export const MESSAGE_COLUMNS: string = `${MAIL_COLUMNS}, m.due_ms, m.settled, m.error, m.reason`

/** The tables of both. */
export const MAIL_TABLES = 'messages m join contents c on c.place = m.place'

/**
 * What is selected of the tables.
 *
 * @module
 */

/** What every query for live mail selects: `m` is the message, `l` its row in `mail`. */
export const LIVE_COLUMNS = `m.place, m.position, m.envelope, m.hash, m.payload, l.state, l.queue, l.attempts,
  l.segments, l.crashes`

/** What a query for messages in any state selects: `l` and `e` are left joined, and at most one is there. */
export const MESSAGE_COLUMNS = `m.place, m.position, m.envelope, m.hash, m.payload,
  coalesce(l.state, e.state, 9) as state, coalesce(l.queue, 0) as queue,
  coalesce(l.attempts, e.attempts, 0) as attempts, coalesce(l.segments, e.segments, 0) as segments,
  coalesce(l.crashes, e.crashes, 0) as crashes, l.due_ms, coalesce(l.error, e.error) as error,
  coalesce(l.reason, e.reason) as reason,
  case when l.place is not null then l.settled else coalesce(e.settled, m.position) end as settled`

/** The tables of both. */
export const MESSAGE_TABLES = `coterie.messages m
  left join coterie.mail l on l.place = m.place
  left join coterie.ends e on e.place = m.place`

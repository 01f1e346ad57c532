-- The first schema. Message states are small numbers (see states.ts):
--   0 dead, 1 expired, 2 cancelled, 3 answered, 4 scheduled, 5 waiting, 6 cancelling,
--   7 queued, 8 delivered, 9 handled. 3 to 8 are live, 5 to 8 stand in a mailbox.
-- A `place` is space * 2^36 + a number that grows within the space: new rows land at the end of the table,
-- and no second index is needed to find them.

create table spaces (
  space integer primary key,
  name text not null unique,
  genesis text not null,
  -- Position of the newest record.
  position integer not null,
  -- The store's clock at the newest commit.
  clock_ms integer not null,
  -- The next number for a message or a place in a mailbox.
  number integer not null,
  -- Messages that are handled: most of all, so they are counted, never scanned.
  handled integer not null
) strict;

-- `first_message` is the number that the record's first message has, or would have had.
create table records (
  place integer primary key,
  space integer not null,
  author text not null,
  seq integer not null,
  prev text not null,
  hash text not null,
  body text not null,
  detail text,
  -- See proof.ts.
  proof blob not null,
  first_message integer not null
) strict;

create unique index records_chain on records (space, author, seq);

-- What changes about a message is kept apart from its texts: a settled message rewrites 150 bytes, not 1,000.
create table messages (
  place integer primary key,
  space integer not null,
  id text not null,
  recipient text not null,
  lane text not null,
  trace text not null,
  cause text,
  re text,
  key_from text,
  key text,
  position integer not null,
  state integer not null,
  queue integer not null,
  attempts integer not null,
  segments integer not null,
  crashes integer not null,
  undo integer not null,
  due_ms integer,
  deadline_ms integer,
  settled integer,
  error text,
  reason text
) strict;

create unique index messages_id on messages (space, id);

create index messages_trace on messages (space, trace);

create index messages_cause on messages (space, cause) where cause is not null;

create index messages_re on messages (space, re) where re is not null;

create unique index messages_key on messages (space, key_from, recipient, key) where key is not null;

-- The mailbox. The lane is in it so that messages behind a retry are passed over without a look at the table.
create index messages_queue on messages (space, recipient, queue, lane) where state between 5 and 8;

create index messages_delivered on messages (space, recipient, queue) where state = 8;

create index messages_retry on messages (space, recipient, lane, queue) where state = 7
  and due_ms is not null;

create index messages_due on messages (space, state, due_ms) where due_ms is not null;

create index messages_deadline on messages (space, deadline_ms)
  where state between 3 and 8 and deadline_ms is not null;

-- What has left the ordinary way of a message (queued, delivered, handled).
create index messages_aside on messages (space, state) where state < 7;

create table contents (
  place integer primary key,
  envelope text not null,
  hash text not null,
  payload text not null
) strict;

-- One row for each address that has written a record, been sent a message or been leased.
-- `depth` counts live messages, `ready` those that are queued, delivered or cancelling.
create table mailboxes (
  space integer not null,
  address text not null,
  agent text not null,
  worker text,
  epoch integer not null,
  seq integer not null,
  hash text not null,
  depth integer not null,
  ready integer not null,
  waiting integer not null,
  dead integer not null,
  primary key (space, address)
) strict, without rowid;

create index mailboxes_ready on mailboxes (space, agent, address) where ready > 0;

create index mailboxes_worker on mailboxes (space, worker) where worker is not null;

-- `lost` counts the addresses that were taken from the worker since its last heartbeat.
create table workers (
  space integer not null,
  worker text not null,
  until_ms integer not null,
  lost integer not null,
  primary key (space, worker)
) strict, without rowid;

create table journal (
  entry integer primary key,
  space integer not null,
  turn text not null,
  chunk integer not null,
  text text not null,
  hash text not null,
  signature text not null
) strict;

create unique index journal_chunk on journal (space, turn, chunk);

create table waits (
  space integer not null,
  turn text not null,
  number integer not null,
  waiter text not null,
  target text,
  request text,
  due_ms integer not null,
  primary key (space, turn, number)
) strict, without rowid;

create index waits_waiter on waits (space, waiter);

create index waits_request on waits (space, request) where request is not null;

create index waits_due on waits (space, due_ms);

create table events (
  event integer primary key,
  space integer not null,
  stream text not null,
  version integer not null,
  position integer not null,
  type text not null,
  data text not null,
  hash text not null
) strict;

create unique index events_stream on events (space, stream, version);

create table decisions (
  space integer not null,
  id text not null,
  hash text not null,
  certificate text not null,
  position integer not null,
  primary key (space, id)
) strict;

-- The first schema. It is applied with the search path set to the store's schema.
--
-- The log: `records`, `messages`, `events`, `journal`, `decisions` and `ends` are written once and never updated or
-- deleted, so that a role may lack the right to. What changes is apart: `mail` holds what is known of the
-- messages that are not over, and is small; when a message ends, its row moves to `ends`. A message that is in
-- neither was handled when it was written: the reply to a caller from outside.
--
-- Message states are small numbers (see src/mailbox/states.ts):
--   0 dead, 1 expired, 2 cancelled, 3 answered, 4 scheduled, 5 waiting, 6 cancelling,
--   7 queued, 8 delivered, 9 handled. 3 to 8 are live, 5 to 8 stand in a mailbox; 0 and 3 to 8 are in `mail`.
--
-- A `place` is space * 2^36 + a position or number that grows within the space. Messages and waits are looked up by
-- place, id and the like, and no index of theirs begins with the space: on a table that was small when a statement
-- was planned, PostgreSQL would take that index for as good as the right one.
--
-- Texts are compared byte by byte (collation "C"), whatever the database's locale.

-- The migrations that were applied, by number.
create table migrations (
  version integer primary key,
  applied_at timestamptz not null default now()
);

create table spaces (
  space integer generated always as identity primary key,
  name text collate "C" not null unique,
  genesis text collate "C" not null,
  -- Position of the newest record.
  position bigint not null,
  -- The store's clock at the newest commit.
  clock_ms bigint not null,
  -- The next number for a message or a place in a mailbox.
  number bigint not null,
  -- Messages that are handled.
  handled bigint not null,
  -- Grows with every change that another process may want to know of.
  version bigint not null,
  -- Grows with every transaction that changes anything a commit is judged by.
  stamp bigint not null
) with (fillfactor = 10);

-- The last batch of each store handle: how the outcome of a commit is found out whose answer was lost.
create table writers (
  space integer not null,
  writer text collate "C" not null,
  batch bigint not null,
  at_ms bigint not null,
  primary key (space, writer)
) with (fillfactor = 10);

-- `first_message` is the place that the record's first message has, or would have had.
create table records (
  place bigint primary key,
  space integer not null,
  author text collate "C" not null,
  seq bigint not null,
  prev text collate "C" not null,
  hash text collate "C" not null,
  body text not null,
  detail text,
  -- See src/log/packed-proof.ts.
  proof bytea not null,
  first_message bigint not null
);

create unique index records_chain on records (space, author, seq);

create table messages (
  place bigint primary key,
  space integer not null,
  position bigint not null,
  id text collate "C" not null,
  recipient text collate "C" not null,
  trace text collate "C" not null,
  cause text collate "C",
  re text collate "C",
  key_from text collate "C",
  key text collate "C",
  envelope text not null,
  hash text collate "C" not null,
  payload text not null
);

create unique index messages_id on messages (id, space);

create index messages_trace on messages (trace);

create index messages_cause on messages (cause) where cause is not null;

create index messages_re on messages (re) where re is not null;

create unique index messages_key on messages (key, recipient, key_from, space) where key is not null;

create table mail (
  place bigint primary key,
  space integer not null,
  recipient text collate "C" not null,
  lane text collate "C" not null,
  state smallint not null,
  queue bigint not null,
  attempts integer not null default 0,
  segments integer not null default 0,
  crashes integer not null default 0,
  undo boolean not null default false,
  due_ms bigint,
  deadline_ms bigint,
  settled bigint,
  error text,
  reason text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, vacuum_truncate = false);

-- The mailbox: what a runner may take.
create index mail_ready on mail (space, recipient, queue) where state between 6 and 8;

create index mail_waiting on mail (space, recipient, queue) where state = 5;

create index mail_delivered on mail (space, recipient, queue) where state = 8;

create index mail_retry on mail (space, recipient, lane, queue) where state = 7 and due_ms is not null;

create index mail_due on mail (space, state, due_ms) where due_ms is not null;

create index mail_deadline on mail (space, deadline_ms) where deadline_ms is not null;

-- Replies that wait for their turn, and dead letters.
create index mail_aside on mail (space, state, place) where state <= 3;

create table ends (
  place bigint primary key,
  space integer not null,
  state smallint not null,
  settled bigint not null,
  attempts integer not null,
  segments integer not null,
  crashes integer not null,
  error text,
  reason text
);

create index ends_aside on ends (space, state, place) where state <> 9;

-- One row for each address that has written a record, been sent a message or been leased.
-- `depth` counts live messages, `ready` those that are queued, delivered or cancelling. No index but the first
-- holds what a commit changes, so that the row is changed in place.
create table mailboxes (
  space integer not null,
  address text collate "C" not null,
  worker text collate "C",
  epoch bigint not null,
  seq bigint not null,
  hash text collate "C" not null,
  depth bigint not null,
  ready bigint not null,
  waiting bigint not null,
  dead bigint not null,
  primary key (space, address)
) with (fillfactor = 50);

create index mailboxes_worker on mailboxes (space, worker) where worker is not null;

-- `lost` counts how often addresses were taken from the worker since it was announced. `agents` are the names of
-- those that it runs, as a JSON array.
create table workers (
  space integer not null,
  worker text collate "C" not null,
  until_ms bigint not null,
  lost integer not null,
  agents text not null,
  primary key (space, worker)
) with (fillfactor = 50);

create table journal (
  space integer not null,
  turn text collate "C" not null,
  chunk integer not null,
  text text not null,
  hash text collate "C" not null,
  signature text collate "C" not null,
  primary key (turn, chunk, space)
);

create table waits (
  space integer not null,
  turn text collate "C" not null,
  number integer not null,
  waiter text collate "C" not null,
  target text collate "C",
  request text collate "C",
  due_ms bigint not null,
  primary key (turn, number, space)
);

create index waits_waiter on waits (waiter);

create index waits_request on waits (request) where request is not null;

create index waits_due on waits (due_ms, space);

create table events (
  space integer not null,
  stream text collate "C" not null,
  version bigint not null,
  position bigint not null,
  type text not null,
  data text not null,
  hash text collate "C" not null,
  primary key (space, stream, version)
);

create table decisions (
  space integer not null,
  id text collate "C" not null,
  hash text collate "C" not null,
  certificate text not null,
  position bigint not null,
  primary key (space, id)
);

-- user_version 2
CREATE TABLE contents (
  place integer primary key,
  envelope text not null,
  hash text not null,
  payload text not null
) strict;

CREATE TABLE decisions (
  space integer not null,
  id text not null,
  hash text not null,
  certificate text not null,
  position integer not null,
  primary key (space, id)
) strict;

CREATE TABLE events (
  event integer primary key,
  space integer not null,
  stream text not null,
  version integer not null,
  position integer not null,
  type text not null,
  data text not null,
  hash text not null
) strict;

CREATE TABLE journal (
  entry integer primary key,
  space integer not null,
  turn text not null,
  chunk integer not null,
  text text not null,
  hash text not null,
  signature text not null
) strict;

CREATE TABLE mailboxes (
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

CREATE TABLE messages (
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

CREATE TABLE records (
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

CREATE TABLE spaces (
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
, version integer not null default 0) strict;

CREATE TABLE waits (
  space integer not null,
  turn text not null,
  number integer not null,
  waiter text not null,
  target text,
  request text,
  due_ms integer not null,
  primary key (space, turn, number)
) strict, without rowid;

CREATE TABLE workers (
  space integer not null,
  worker text not null,
  until_ms integer not null,
  lost integer not null, agents text not null default '[]',
  primary key (space, worker)
) strict, without rowid;

CREATE UNIQUE INDEX events_stream on events (space, stream, version);

CREATE UNIQUE INDEX journal_chunk on journal (space, turn, chunk);

CREATE INDEX mailboxes_ready on mailboxes (space, agent, address) where ready > 0;

CREATE INDEX mailboxes_worker on mailboxes (space, worker) where worker is not null;

CREATE INDEX messages_aside on messages (space, state) where state < 7;

CREATE INDEX messages_cause on messages (space, cause) where cause is not null;

CREATE INDEX messages_deadline on messages (space, deadline_ms)
  where state between 3 and 8 and deadline_ms is not null;

CREATE INDEX messages_delivered on messages (space, recipient, queue) where state = 8;

CREATE INDEX messages_due on messages (space, state, due_ms) where due_ms is not null;

CREATE UNIQUE INDEX messages_id on messages (space, id);

CREATE UNIQUE INDEX messages_key on messages (space, key_from, recipient, key) where key is not null;

CREATE INDEX messages_queue on messages (space, recipient, queue, lane) where state between 5 and 8;

CREATE INDEX messages_re on messages (space, re) where re is not null;

CREATE INDEX messages_retry on messages (space, recipient, lane, queue) where state = 7
  and due_ms is not null;

CREATE INDEX messages_trace on messages (space, trace);

CREATE UNIQUE INDEX records_chain on records (space, author, seq);

CREATE INDEX waits_due on waits (space, due_ms);

CREATE INDEX waits_request on waits (space, request) where request is not null;

CREATE INDEX waits_waiter on waits (space, waiter);

-- What one replica of a council keeps. Texts that the machine reads back have their SHA-256 beside them: a text that
-- does not fit its hash is damage, and then the replica has forgotten votes (see council-log.ts).

create table replica (
  one integer primary key check (one = 1),
  -- Whose file it is: the council, the member, and the digest of the first membership.
  instance text not null,
  member text not null,
  membership text not null,
  -- The process that may write. Another process that starts with this file puts its own name here.
  run text not null,
  -- Counts the commits; the mark beside the file has the newest number, too.
  sequence integer not null,
  -- The file once lacked votes that were cast, and the replica has not got over it yet.
  forgot integer not null
) strict;

-- A few rows, so no index: each page that a commit touches costs. Votes, proposals and certificates of heights that
-- are not decided; and why the replica has halted, if it has.
create table entries (
  place integer primary key,
  height integer not null,
  type text not null,
  text text not null,
  hash text not null
) strict;

create table decisions (
  height integer primary key,
  text text not null,
  hash text not null
) strict;

-- This member's own operations that are not decided yet: handed in again after a start.
create table operations (
  sequence integer primary key,
  text text not null
) strict;

-- What this member has voted: one ballot for a decision, and no second.
create table ballots (
  decision text primary key,
  text text not null
) strict;

create table certificates (
  decision text primary key,
  height integer not null,
  text text not null
) strict;

create table evidence (
  place integer primary key,
  hash text not null unique,
  culprit text not null,
  text text not null
) strict;

create index evidence_culprit on evidence (culprit);

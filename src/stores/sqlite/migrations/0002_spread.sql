-- `version` grows with everything that other processes may want to look at: records, promotions, addresses given
-- back. Heartbeats, leases and journals leave it alone: nobody wakes for them.
alter table spaces add column version integer not null default 0;

-- The names of the agents that a worker runs, as a JSON array.
alter table workers add column agents text not null default '[]';

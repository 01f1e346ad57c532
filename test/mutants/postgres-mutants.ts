import type { Mutant } from './mutant.ts'

const KNOWN = ['test/stores/postgres/known.test.ts']
const LOST = ['test/stores/postgres/lost-moments.test.ts']
const HEAD = ['test/stores/postgres/head.test.ts']
const FOLLOW = ['test/stores/postgres/follow.test.ts']
const IDLE = ['test/stores/postgres/idle.test.ts']
const RHYTHM = ['test/stores/postgres/rhythm.test.ts']
const BEAT = ['test/stores/postgres/heartbeat.test.ts']
const FEED = ['test/stores/postgres/feed.test.ts']

/** Faults of the PostgreSQL store: what it believes without asking, what it finds out, and what it is told. */
export const postgresMutants: readonly Mutant[] = [
  {
    name: 'believes-what-it-knows-of-a-changed-space',
    invariant: 'a batch is judged by the state that it is written on',
    file: 'src/stores/postgres/flush.ts',
    find: 's.stamp = $2',
    replace: '$2::bigint is not null',
    tests: KNOWN,
  },
  {
    name: 'writes-a-batch-after-its-time',
    invariant: 'nothing commits that time has made wrong since it was judged',
    file: 'src/stores/postgres/flush.ts',
    find: "${nowSql('$4')} < $3",
    replace: '$3::bigint is not null',
    tests: KNOWN,
  },
  {
    name: 'moves-no-stamp-with-a-change-of-hands',
    invariant: 'a superseded worker writes nothing',
    file: 'src/stores/postgres/leases.ts',
    find: 'calls.push([statements.get(MOVE_STAMP), [space]])',
    replace: 'calls.push()',
    tests: KNOWN,
  },
  {
    name: 'keeps-the-epoch-at-a-take-over-in-postgresql',
    invariant: 'each new holder of an address has a higher epoch',
    file: 'src/stores/postgres/leases.ts',
    find: 'epoch = m.epoch + 1',
    replace: 'epoch = m.epoch',
    tests: KNOWN,
  },
  {
    name: 'passes-the-fence-on-what-is-known',
    invariant: 'a superseded worker writes nothing',
    file: 'src/mailbox/refusals.ts',
    find: 'return held ?',
    replace: 'return held || true ?',
    tests: KNOWN,
  },
  {
    name: 'does-not-lock-the-head',
    invariant: 'the commits of a space come one after the other',
    file: 'src/stores/postgres/load.ts',
    find: ' for no key update of spaces',
    replace: '',
    tests: HEAD,
  },
  {
    name: 'takes-a-lost-commit-for-done',
    invariant: 'a commit whose answer was lost is found out, not guessed',
    file: 'src/stores/postgres/commit.ts',
    find: '>= mark.batch',
    replace: '>= -1',
    tests: LOST,
  },
  {
    name: 'takes-a-lost-commit-for-not-done',
    invariant: 'a commit whose answer was lost is found out, not guessed',
    file: 'src/stores/postgres/commit.ts',
    find: '>= mark.batch',
    replace: '>= Infinity',
    tests: LOST,
  },
  {
    name: 'gives-up-a-lost-commit-at-the-first-refusal',
    invariant: 'a commit whose answer was lost is found out, not guessed',
    file: 'src/stores/postgres/connection.ts',
    find: "if (problem === undefined || troubleOf(problem) === 'final') problem = error",
    replace: 'problem = error',
    tests: LOST,
  },
  {
    name: 'tells-nobody',
    invariant: 'other processes are told at once of mail for them',
    file: 'src/stores/postgres/feed.ts',
    find: 'pg_notify($1, $2)',
    replace: 'length($1) + length($2)',
    tests: FEED,
  },
  {
    name: 'never-looks-by-itself',
    invariant: 'a notification that is lost costs time and no more',
    file: 'src/stores/postgres/space.ts',
    find: 'if (this.#rhythm.isDue(performance.now())) this.look()',
    replace: '',
    tests: FEED,
  },
  {
    name: 'looks-beside-its-heartbeats',
    invariant: 'an idle worker costs one statement a second',
    file: 'src/stores/postgres/rhythm.ts',
    find: 'everyMs / looks + LATE_MS',
    replace: 'LOOK_MS',
    tests: RHYTHM,
  },
  {
    name: 'looks-for-work-that-is-not-there',
    invariant: 'an idle worker costs one statement a second',
    file: 'src/runtime/worker.ts',
    find: 'beat?.busy === false &&',
    replace: 'false &&',
    tests: IDLE,
  },
  {
    name: 'prolongs-no-lease-with-a-heartbeat',
    invariant: 'the leases of a worker that lives hold',
    file: 'src/stores/postgres/leases.ts',
    find: "w set until_ms = ${nowSql('$2')} + $5",
    replace: 'w set until_ms = w.until_ms + 0 * $5::bigint',
    tests: IDLE,
  },
  {
    name: 'sees-no-wait-that-is-due-with-a-heartbeat',
    invariant: 'what falls due is found',
    file: 'src/stores/postgres/horizon.ts',
    find: 'w.space = $1 and w.due_ms <=',
    replace: 'w.space = -1 and w.due_ms <=',
    tests: BEAT,
  },
  {
    name: 'hears-nothing-of-lost-leases-in-postgresql',
    invariant: 'a worker is told that its addresses were taken',
    file: 'src/stores/postgres/space.ts',
    find: 'const held = lost === before',
    replace: 'const held = lost >= 0',
    tests: BEAT,
  },
  {
    name: 'takes-a-stranger-for-the-batch-before',
    invariant: 'a batch is judged by the state that it is written on',
    file: 'src/stores/postgres/flush.ts',
    find: 'w.batch = $6)',
    replace: 'w.batch < $6 + 1)',
    tests: FOLLOW,
  },
  {
    name: 'lets-a-lost-batch-be-written-later',
    invariant: 'a commit whose answer was lost is found out, not guessed',
    file: 'src/stores/postgres/commit.ts',
    find: 'written ? [COMMIT] : [[statements.get(MOVE_STAMP), [space]], COMMIT]',
    replace: 'written || MOVE_STAMP !== "" ? [COMMIT] : []',
    tests: FOLLOW,
  },
  {
    name: 'follows-past-those-who-wait',
    invariant: 'leases do not wait for ever behind commits',
    file: 'src/stores/postgres/space.ts',
    find: 'this.#raises > 1 ||',
    replace: 'false ||',
    tests: FOLLOW,
  },
  {
    name: 'takes-a-lost-follower-for-not-written',
    invariant: 'a commit whose answer was lost is found out, not guessed',
    file: 'src/stores/postgres/commit.ts',
    find: 'const possible = await before.landed',
    replace: 'const possible = (await before.landed) && false',
    tests: FOLLOW,
  },
]

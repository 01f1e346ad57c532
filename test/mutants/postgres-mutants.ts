import type { Mutant } from './mutant.ts'

const KNOWN = ['test/stores/postgres/known.test.ts']
const LOST = ['test/stores/postgres/lost-moments.test.ts']
const HEAD = ['test/stores/postgres/head.test.ts']
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
    find: "const STAMP = 'update coterie.spaces set stamp = stamp + 1",
    replace: "const STAMP = 'update coterie.spaces set stamp = stamp",
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
    find: '>= LOOK_MS) this.look()',
    replace: '>= Infinity) this.look()',
    tests: FEED,
  },
]

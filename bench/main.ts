/**
 * `npm run bench`: the three workloads beside the raw limits of the same run. Read `bench/README.md` first.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { benchDecisions } from './decisions.ts'
import { benchPostgres } from './postgres.ts'
import { benchPostgresKeys } from './postgres-keys.ts'
import { benchPostgresScale } from './postgres-scale.ts'
import { benchSqlite } from './sqlite.ts'

const HELP = `npm run bench [-- OPTION...]

  --store sqlite      W1 hop, W2 ask, W3 fan-out; memory, idle agents, restart (the default)
  --store postgres    W1 to W3 on a server that is started for it, beside pg-boss and graphile-worker
  --suite decisions   votes of 5, 20 and 100 members, open and sealed, on SQLite; councils of 4 to 31
  --councils 4,31     with decisions: councils of these sizes, and no votes
  --only NAME,...     with postgres: some of raw, coterie, pg-boss, graphile-worker
  --scale             with postgres: 1, 2 and 4 worker processes, 1, 4 and 16 spaces
  --keys              with postgres: 10,000 keyed agents over four workers, and the price of idle workers
  --quick             less of everything
  --json              one JSON object instead of lines
`

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    suite: { type: 'string' },
    only: { type: 'string' },
    councils: { type: 'string' },
    scale: { type: 'boolean', default: false },
    keys: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { quick, json } = values
const only = values.only?.split(',')
const councils = values.councils?.split(',').map(Number)
if (values.help) process.stdout.write(HELP)
else if (values.suite === 'decisions')
  process.stdout.write(await benchDecisions({ quick, json, ...(councils !== undefined && { councils }) }))
else if (values.suite !== undefined) {
  process.stderr.write(`There is no suite "${values.suite}".\n${HELP}`)
  process.exitCode = 2
} else if (values.store === 'sqlite') process.stdout.write(await benchSqlite({ quick, json }))
else if (values.store === 'postgres' && values.keys)
  process.stdout.write(await benchPostgresKeys({ quick, json }))
else if (values.store === 'postgres' && values.scale)
  process.stdout.write(await benchPostgresScale({ quick, json }))
else if (values.store === 'postgres')
  process.stdout.write(await benchPostgres({ quick, json, ...(only !== undefined && { only }) }))
else {
  process.stderr.write(`There is no store "${values.store}".\n${HELP}`)
  process.exitCode = 2
}

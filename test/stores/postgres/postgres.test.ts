import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { storeConformance } from '../../../src/testing/store-conformance.ts'
import { PostgresServer } from '../../support/postgres/server.ts'
import { releases } from '../../support/postgres/release.ts'

const START_MS = 1_800_000_000_000

for (const release of releases) {
  // A release that cannot be had here is reported by the tests of the servers themselves.
  if (release.missing !== undefined) continue
  const server = await PostgresServer.start({ release })
  const url = server.url(await server.createDatabase())
  let time = START_MS
  storeConformance(`PostgreSQL ${release.name}`, {
    clock: { advance: (ms) => void (time += ms) },
    open: async () => openPostgres(`${url}?connections=3`, { now: () => time }),
    cleanup: () => server[Symbol.asyncDispose](),
  })
}

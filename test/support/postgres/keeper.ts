/**
 * One server for a whole run of the tests. The test files are processes of their own: the process that runs them all
 * keeps the servers, starts each when it is first asked for, and says over HTTP, to those who know the secret path in
 * the environment, where it is.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { Endpoint } from './endpoint.ts'
import { postgres18, releases } from './release.ts'
import type { Release } from './release.ts'
import { PostgresServer } from './server.ts'

/** The variable that names the keeper. */
const VARIABLE = 'COTERIE_TEST_KEEPER'

/** Starts a keeper; answers what the environment of the test files needs. The servers end with this process. */
export async function keepPostgres(): Promise<Readonly<Record<string, string>>> {
  const secret = randomBytes(16).toString('hex')
  const running = new Map<Release, Promise<PostgresServer>>()
  const http = createServer((request, response) => {
    const release = releases.find(({ name }) => request.url === `/${secret}/${name}`)
    if (release === undefined) return void response.writeHead(404).end()
    const server = running.get(release) ?? PostgresServer.start({ release })
    running.set(release, server)
    server.then(
      (started) => response.end(started.url()),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  http.unref()
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('The keeper has no port.')
  return { [VARIABLE]: `http://127.0.0.1:${address.port}/${secret}` }
}

const known = new Map<Release, Promise<Endpoint>>()

/**
 * The server that all tests of a run share: each makes a database of its own there. Without a keeper, a test file that
 * is run alone starts one, which ends with its process.
 */
export function sharedPostgres(release: Release = postgres18): Promise<Endpoint> {
  const endpoint = known.get(release) ?? ask(release)
  known.set(release, endpoint)
  return endpoint
}

async function ask(release: Release): Promise<Endpoint> {
  const keeper = process.env[VARIABLE]
  if (keeper === undefined) return PostgresServer.start({ release })
  const response = await fetch(`${keeper}/${release.name}`, { headers: { connection: 'close' } })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return Endpoint.of(text)
}

/**
 * A real PgBouncer in transaction mode between a test and its server. It ends with the process that started it, however
 * that one ends.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../helpers/ports.ts'
import { accountOfServer, ENVIRONMENT, folderFor, give } from './account.ts'
import { USER } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { discard, guard } from './watchdog.ts'

/** Set to `required` where a test that is left out would go unnoticed: then a missing PgBouncer is a failure. */
const DEMAND = 'COTERIE_TEST_PGBOUNCER'
const PROGRAM = '/usr/sbin/pgbouncer'
const START_MS = 10_000

/** For `skip` of a test: false when PgBouncer is here, otherwise why not. Throws when it must be here. */
export function skipUnlessPgbouncer(): string | false {
  if (existsSync(PROGRAM)) return false
  const missing = `PgBouncer is not installed as ${PROGRAM}: apt-get install pgbouncer`
  if (process.env[DEMAND] === 'required') throw new Error(missing)
  return missing
}

/** Starts one in front of a server, with so many connections to it; answers its port on 127.0.0.1. */
export async function pgbouncerFor(
  t: { after(fn: () => void): void },
  server: Endpoint,
  connections: number,
): Promise<number> {
  const account = accountOfServer()
  const folder = folderFor(account)
  guard(folder)
  const port = await freePort()
  const settings = [
    '[databases]',
    `* = host=127.0.0.1 port=${server.port} user=${USER} password=${server.password}`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    `pool_mode = transaction\nauth_type = any\ndefault_pool_size = ${connections}\nmax_client_conn = 200`,
    `logfile = ${join(folder, 'log')}`,
  ]
  const path = join(folder, 'pgbouncer.ini')
  writeFileSync(path, `${settings.join('\n')}\n`, { mode: 0o600 })
  give(account, path)
  // The shell waits for the end of its input, which is the end of this process at the latest.
  const child = spawn('/bin/sh', ['-c', '"$0" -q "$1" & read -r end; kill "$!"; wait', PROGRAM, path], {
    ...account,
    cwd: '/',
    env: ENVIRONMENT,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  t.after(() => {
    child.stdin.end()
    discard(folder)
  })
  for (const end = performance.now() + START_MS; performance.now() < end; await delay(20))
    if (await takesConnections(port)) return port
  throw new Error(`PgBouncer did not start:\n${readFileSync(join(folder, 'log'), 'utf8')}`)
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

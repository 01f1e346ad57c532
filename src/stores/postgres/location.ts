/**
 * What a `postgres:` URL says: one connection string for each host, and the store's own settings, which the
 * driver and the server do not see.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'

/** When a commit is acknowledged, by PostgreSQL's names. */
export type SynchronousCommit = 'on' | 'off' | 'local' | 'remote_write' | 'remote_apply'

/** A database and how to use it. */
export interface Location {
  /** The URL without its password: for people. */
  readonly shown: string
  /** One connection string for each host, in the order of the URL. */
  readonly targets: readonly string[]
  readonly database: string
  /** The schema that holds the tables. */
  readonly schema: string
  /** Connections for transactions, at most: of all stores of one process that have this URL. */
  readonly connections: number
  /** How long a call goes on trying while the server cannot be reached. */
  readonly patienceMs: number
  /** Undefined: `on`, or more if the server says so. */
  readonly synchronousCommit: SynchronousCommit | undefined
  /** Whether statements are prepared under names. */
  readonly prepare: boolean
  /** Whether to listen for, and send, notifications. */
  readonly notify: boolean
}

const CONNECTIONS = 8
const PATIENCE_MS = 30_000
// user and password, hosts, path, query.
const FORM = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/
const SYNCHRONOUS: readonly string[] = ['on', 'off', 'local', 'remote_write', 'remote_apply']

/** Reads a URL. Throws COTERIE_INVALID_ARGUMENT with what is wrong with it; never with its password. */
export function parseLocation(url: string): Location {
  const parts = FORM.exec(url)
  if (parts === null) {
    throw invalid('The URL of a PostgreSQL database is postgres://USER:PASSWORD@HOST:PORT/DATABASE.')
  }
  const [, user = '', hosts = '', path = '', query = ''] = parts
  const settings = new URLSearchParams(query)
  const take = (name: string): string | undefined => {
    const value = settings.get(name) ?? undefined
    settings.delete(name)
    return value
  }
  const session = take('target_session_attrs')
  if (session !== undefined && session !== 'read-write' && session !== 'primary') {
    throw invalid(`target_session_attrs=${session}: only read-write and primary can be used for a space.`)
  }
  const location = {
    schema: matching('schema', take('schema') ?? 'coterie', SCHEMA),
    connections: whole('connections', take('connections'), CONNECTIONS),
    patienceMs: whole('patience_ms', take('patience_ms'), PATIENCE_MS),
    synchronousCommit: synchronous(take('synchronous_commit')),
    prepare: yes('prepare', take('prepare')),
    notify: yes('notify', take('notify')),
  }
  const rest = settings.size === 0 ? '' : `?${settings.toString()}`
  const account = user === '' ? '' : `${user}@`
  const name = user.split(':')[0] ?? ''
  return {
    ...location,
    database: decodeURIComponent(path.slice(1)) || decodeURIComponent(name) || 'postgres',
    shown: `postgres://${name === '' ? '' : `${name}@`}${hosts}${path}`,
    targets: hosts.split(',').map((host) => `postgres://${account}${host}${path}${rest}`),
  }
}

function matching(name: string, value: string, form: RegExp): string {
  if (!form.test(value)) throw invalid(`${name}=${value}: use small letters, digits and "_".`)
  return value
}

function whole(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number <= 0) throw invalid(`${name}=${value}: use a whole number.`)
  return number
}

function yes(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true') return true
  if (value === 'false') return false
  throw invalid(`${name}=${value}: use true or false.`)
}

function synchronous(value: string | undefined): SynchronousCommit | undefined {
  if (value === undefined) return undefined
  if (!SYNCHRONOUS.includes(value)) {
    throw invalid(`synchronous_commit=${value}: use one of ${SYNCHRONOUS.join(', ')}.`)
  }
  return value as SynchronousCommit
}

function invalid(message: string): CoterieError {
  return new CoterieError('COTERIE_INVALID_ARGUMENT', message)
}

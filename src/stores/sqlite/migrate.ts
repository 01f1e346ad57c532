/**
 * Brings a database to the schema of this version: numbered SQL files, one transaction each.
 *
 * @module
 */

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CoterieError } from '../../core/errors.ts'
import { SPACE_FILE } from './file-kind.ts'
import type { FileKind } from './file-kind.ts'
import { inspectFile } from './location.ts'

interface Migration {
  readonly version: number
  readonly sql: string
}

const loaded = new Map<FileKind, readonly Migration[]>()

/** The migrations in order; their numbers have no gap. */
function migrations(kind: FileKind): readonly Migration[] {
  const known = loaded.get(kind)
  if (known !== undefined) return known
  const found = readdirSync(kind.migrations)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
    .map((name, at) => {
      const version = Number(name.slice(0, 4))
      if (version !== at + 1) throw new Error(`Migration ${name} should have the number ${at + 1}.`)
      return { version, sql: readFileSync(new URL(name, kind.migrations), 'utf8') }
    })
  loaded.set(kind, found)
  return found
}

/** The number of the newest schema that this version knows. */
export function knownSchema(kind: FileKind = SPACE_FILE): number {
  return migrations(kind).length
}

/** The SQL that brings a schema from a version (0: nothing is there) to the newest one. */
export function migrationSql(from: number): string {
  return migrations(SPACE_FILE)
    .filter(({ version }) => version > from)
    .map(({ version, sql }) => `begin immediate;\n${sql}\npragma user_version = ${version};\ncommit;\n`)
    .join('\n')
}

/** The schema's number in a file, which is only read; 0 when there is none. Throws COTERIE_STORE_FOREIGN. */
export function schemaIn(file: string): number {
  if (file === ':memory:' || !existsSync(file) || statSync(file).size === 0) return 0
  inspectFile(file, { write: false, exists: true })
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const version = schemaVersion(db)
    if (version > knownSchema()) throw newer(file, version, knownSchema())
    return version
  } finally {
    db.close()
  }
}

/** The schema's number in the database. */
function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('pragma user_version').get()?.['user_version'] ?? 0)
}

/**
 * Applies what is missing. Two processes may do this at once: the number is read again under the write lock.
 * Throws COTERIE_STORE_NEWER for a database of a later version, COTERIE_STORE_READ_ONLY if it may not write.
 */
export function migrate(db: DatabaseSync, file: string, readOnly: boolean, kind: FileKind): void {
  const known = knownSchema(kind)
  let current = schemaVersion(db)
  if (current > known) throw newer(file, current, known)
  if (current < known && readOnly) {
    throw new CoterieError(
      'COTERIE_STORE_READ_ONLY',
      `The database ${file} has schema ${current}, this version needs ${known}: open it once for writing.`,
      { details: { file } },
    )
  }
  for (const { version, sql } of migrations(kind)) {
    if (version <= current) continue
    db.exec('begin immediate')
    current = schemaVersion(db)
    if (current > known) throw newer(file, current, known)
    if (version > current) db.exec(`${sql}\npragma user_version = ${version};`)
    db.exec('commit')
  }
}

function newer(file: string, found: number, known: number): CoterieError {
  return new CoterieError(
    'COTERIE_STORE_NEWER',
    `The database ${file} has schema ${found}, this version knows ${known} at most: update Coterie.`,
    { details: { file, found, known } },
  )
}

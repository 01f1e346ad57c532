/**
 * Where a database lies, and whether the file there is one of ours. The file is judged by its first bytes,
 * before SQLite opens it: opening may already write to it (a checkpoint), and what is not ours stays as it
 * is.
 *
 * @module
 */

import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CoterieError } from '../../core/errors.ts'
import { SPACE_FILE } from './file-kind.ts'
import type { FileKind } from './file-kind.ts'
import { storeError } from './sqlite-error.ts'

const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100
const APPLICATION_ID_OFFSET = 68

/**
 * The absolute path in a `sqlite:` URL, or ':memory:'. Throws COTERIE_STORE_UNSUPPORTED,
 * COTERIE_INVALID_ARGUMENT.
 */
export function fileOf(url: string): string {
  if (!url.startsWith('sqlite:')) {
    throw new CoterieError(
      'COTERIE_STORE_UNSUPPORTED',
      `"${url}" is not an SQLite database: write sqlite:FILE.`,
    )
  }
  const path = url.slice('sqlite:'.length)
  if (path === ':memory:') return path
  if (path === '' || path.includes('\0')) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      'The database has no file name: write sqlite:FILE, for example sqlite:./team.db.',
    )
  }
  return resolve(path)
}

/** Refuses a path that is no place for a database of ours. Reads only. */
export function inspectFile(
  file: string,
  need: { readonly write: boolean; readonly exists: boolean },
  kind: FileKind = SPACE_FILE,
): void {
  const size = sizeOf(file)
  const wal = sizeOf(`${file}-wal`) ?? 0
  if (size === undefined || size === 0) {
    if (wal > 0) {
      // SQLite would throw the log away, and with it every commit that is not yet in the file.
      throw new CoterieError(
        'COTERIE_STORE_CORRUPT',
        `The file ${file} is empty or missing, but its log ${file}-wal is not: put it back beside its log.`,
        { details: { file } },
      )
    }
    if (size === undefined && need.exists) {
      throw new CoterieError(
        'COTERIE_NOT_FOUND',
        `There is no database ${file}. Name another, or make it by running agents in it.`,
        { details: { file } },
      )
    }
    if (size === undefined && sizeOf(dirname(file)) === undefined) {
      throw new CoterieError(
        'COTERIE_NOT_FOUND',
        `The folder ${dirname(file)} does not exist: create it first.`,
        { details: { file } },
      )
    }
  } else {
    inspectHeader(file, kind)
  }
  if (need.write) requireWritable(size === undefined ? dirname(file) : file, file)
  if (need.write && size !== undefined) requireWritable(dirname(file), file)
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw storeError(error, path)
  }
}

function inspectHeader(file: string, kind: FileKind): void {
  if (!statSync(file).isFile()) {
    throw new CoterieError('COTERIE_STORE_FOREIGN', `${file} is not a file: name the file of the database.`, {
      details: { file },
    })
  }
  const header = new DataView(new ArrayBuffer(HEADER_BYTES))
  const read = readHeader(file, header)
  const magic = Array.from({ length: MAGIC.length }, (_, at) =>
    String.fromCharCode(header.getUint8(at)),
  ).join('')
  if (magic !== MAGIC) {
    throw new CoterieError(
      'COTERIE_STORE_FOREIGN',
      `${file} is not a database, and was left as it is: name another file, or restore this one.`,
      { details: { file } },
    )
  }
  if (read < HEADER_BYTES) {
    throw new CoterieError(
      'COTERIE_STORE_CORRUPT',
      `The database ${file} is cut off: restore it from a backup.`,
      { details: { file } },
    )
  }
  if (header.getUint32(APPLICATION_ID_OFFSET) !== kind.applicationId) throw foreignDatabase(file)
}

/** The error for an SQLite database of another program. */
export function foreignDatabase(file: string): CoterieError {
  return new CoterieError(
    'COTERIE_STORE_FOREIGN',
    `${file} is a database of another program, and was left as it is: name another file.`,
    { details: { file } },
  )
}

function readHeader(file: string, into: DataView): number {
  try {
    const descriptor = openSync(file, 'r')
    try {
      return readSync(descriptor, into, 0, HEADER_BYTES, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw storeError(error, file)
  }
}

function requireWritable(path: string, file: string): void {
  try {
    accessSync(path, constants.W_OK)
  } catch (error) {
    throw storeError(error, file)
  }
}

/**
 * The kinds of database files: each has a mark of its own, so that none is taken for another, and its own schema.
 *
 * @module
 */

/** One kind. The mark is in bytes 68 to 71 of the file (https://sqlite.org/fileformat.html). */
export interface FileKind {
  readonly applicationId: number
  /** The folder of its migrations. */
  readonly migrations: URL
}

/** "COTE": spaces. */
export const SPACE_FILE: FileKind = Object.freeze({
  applicationId: 0x434f5445,
  migrations: new URL('./migrations/', import.meta.url),
})

/** "COTC": what one replica of a council keeps. */
export const COUNCIL_FILE: FileKind = Object.freeze({
  applicationId: 0x434f5443,
  migrations: new URL('./council-migrations/', import.meta.url),
})

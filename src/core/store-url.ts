/**
 * How a database is named: a path, or a URL.
 *
 * @module
 */

/** The URL of a database: what has a scheme is one, anything else is the path of an SQLite file. */
export function storeUrl(name: string): string {
  return name.startsWith('sqlite:') || /^[a-z][a-z0-9+.-]*:\/\//i.test(name) ? name : `sqlite:${name}`
}

/** The URL without its password, for messages, logs and reports. */
export function withoutPassword(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#:@]*):[^/?#]*@/i, '$1@')
    .replace(/([?&]password=)[^&#]*/gi, '$1...')
}

/**
 * Values of options and arguments, read as strictly as the runtime reads them.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import { CoterieError } from '../core/errors.ts'
import { parsePayload, parseStrict } from '../core/json.ts'

const PAYLOAD = 'the payload'
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/

/** A whole number of at least 1. */
export function countOf(text: string): number {
  const value = wholeOf(text)
  if (value < 1) throw new InvalidArgumentError('It must be at least 1.')
  return value
}

/** A whole number of at least 0. */
export function wholeOf(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number.')
  }
  return value
}

/** A time: ISO 8601, or milliseconds since the Unix epoch. */
export function timeOf(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : ISO.test(text) ? Date.parse(text) : Number.NaN
  // A day that its month does not have is taken for one of the next month.
  const day = text.slice(0, 10)
  const at = new Date(`${day}T00:00Z`)
  const isDay = !ISO.test(text) || (Number.isFinite(at.getTime()) && at.toJSON().startsWith(day))
  if (!Number.isSafeInteger(value) || !isDay) {
    throw new InvalidArgumentError('Write a time as 2026-01-31T12:00:00Z, or in milliseconds since 1970.')
  }
  return value
}

/** A W3C trace id. */
export function traceOf(text: string): string {
  if (!/^[0-9a-f]{32}$/.test(text)) throw new InvalidArgumentError('A trace id has 32 hex digits.')
  return text
}

/**
 * The payload of a message: the argument, a file, or the standard input for `-`; `{}` when none is given.
 * Throws COTERIE_INVALID_JSON, COTERIE_USAGE, COTERIE_NOT_FOUND.
 */
export async function payloadOf(argument: string | undefined, file: string | undefined): Promise<unknown> {
  if (argument !== undefined && file !== undefined) {
    throw new CoterieError('COTERIE_USAGE', 'Give the payload as an argument or with --file, not both.')
  }
  if (argument === '-') return parseJson(await readAll(process.stdin), 'the standard input')
  if (file !== undefined) return parseJson(readText(file), file)
  return argument === undefined ? {} : parseJson(argument, PAYLOAD)
}

/** The text of a file. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_ARGUMENT. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const message = missing ? `There is no file ${file}.` : `The file ${file} cannot be read.`
    throw new CoterieError(missing ? 'COTERIE_NOT_FOUND' : 'COTERIE_INVALID_ARGUMENT', message, {
      ...(missing ? {} : { cause }),
      details: { file },
    })
  }
}

/** Writes a file. Throws COTERIE_INVALID_ARGUMENT. */
export function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `The file ${file} cannot be written.`, {
      cause,
      details: { file },
    })
  }
}

/** The JSON in a file, read as strictly as what is signed. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_JSON. */
export function readJson(file: string): unknown {
  return parsedBy(parseStrict, readText(file), file)
}

function parseJson(text: string, where: string): unknown {
  return parsedBy(parsePayload, text, where)
}

function parsedBy(parse: (text: string) => unknown, text: string, where: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    const { cause, details } = error
    // What is JSON, and breaks a rule, is told by its place.
    if (!(cause instanceof Error)) {
      throw new CoterieError(error.code, `What is in ${where} cannot be taken: ${error.message}`, { details })
    }
    const hint = where === PAYLOAD ? ' In a shell, put it in single quotes: \'{"name":"x"}\'.' : ''
    throw new CoterieError(error.code, `In ${where} is no valid JSON: ${cause.message}.${hint}`)
  }
}

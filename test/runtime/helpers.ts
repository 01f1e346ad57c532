import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { after, test as nodeTest } from 'node:test'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { CoterieError, open } from '../../src/index.ts'
import type { AnyAgent, ErrorCode, OpenOptions, Space } from '../../src/index.ts'
import type { LogRecord } from '../../src/ports/store.ts'
import type { RecordBody, RecordDetail } from '../../src/core/record.ts'

/** A test of the runtime that takes longer waits for something that does not come: it fails, and does not hang. */
const HANGS_MS = 30_000

/** `test` of `node:test`, with an end. */
export function test(name: string, run: (t: TestContext) => void | Promise<void>): void {
  void nodeTest(name, { timeout: HANGS_MS }, run)
}

/** A retry policy that costs a test next to nothing. */
export const QUICK = { attempts: 3, firstMs: 2, factor: 1, maxMs: 5 } as const

/** No second attempt. */
export const ONCE = { attempts: 1 } as const

/** Schemas that most tests need. */
export const text: z.ZodString = z.string()
export const number: z.ZodNumber = z.number()
export const nothing: z.ZodNull = z.null()

/** The URL of a database that is removed with the test. */
export function tempUrl(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-runtime-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'space.db')}`
}

/** A copy of a closed database and its keys: it takes a tenth of the time to write another one. */
export function copyOf(t: TestContext, url: string): string {
  const copy = tempUrl(t)
  copyFileSync(fileOf(url), fileOf(copy))
  cpSync(`${fileOf(url)}.keys`, `${fileOf(copy)}.keys`, { recursive: true })
  return copy
}

/** The URL of a database for all tests of the file: to be copied, not changed. */
export function templateUrl(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-template-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'space.db')}`
}

/** The file of a URL made by {@link tempUrl}. */
export function fileOf(url: string): string {
  return url.slice('sqlite:'.length)
}

/** Opens a space that is closed with the test. */
export async function start(
  t: TestContext,
  agents: readonly AnyAgent[],
  options: Omit<OpenOptions, 'agents'> & { readonly url?: string } = {},
): Promise<Space> {
  const { url = 'sqlite::memory:', ...rest } = options
  const space = await open(url, { ...rest, agents, limits: { pollMs: 5, ...rest.limits } })
  t.after(() => space.close())
  return space
}

/** Waits until something holds; fails with what was expected when it does not within the time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`not within ${timeoutMs} ms: ${what}`)
    await delay(3)
  }
}

/** Waits until a message is in a state. */
export async function untilState(space: Space, id: string, state: string): Promise<void> {
  let last = ''
  const end = Date.now() + 5_000
  while (last !== state) {
    last = (await space.receipt(id)).state
    if (last === state) return
    if (Date.now() > end) assert.fail(`message ${id} should be ${state} and is ${last}`)
    await delay(3)
  }
}

/** Something that code under test waits for until the test opens it. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

/** A closed gate. */
export function gate(): Gate {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** A promise that is never settled. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined)
}

/** A check for `assert.rejects` and `assert.throws`: a CoterieError with this code, and, maybe, this message. */
export function code(expected: ErrorCode, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CoterieError, `expected ${expected}, got ${String(error)}`)
    assert.equal(error.code, expected, error.message)
    if (message !== undefined) assert.match(error.message, message)
    return true
  }
}

/** A record with what it says. */
export interface ReadRecord {
  readonly record: LogRecord
  readonly body: RecordBody
  readonly detail: RecordDetail | null
}

/** All records of a space. */
export async function recordsOf(space: Space): Promise<readonly ReadRecord[]> {
  return (await space.store.records(0, 100_000)).map((record) => ({
    record,
    body: JSON.parse(record.body) as RecordBody,
    detail: record.detail === null ? null : (JSON.parse(record.detail) as RecordDetail),
  }))
}

/** The records of the turn that handled a message. */
export async function turnRecords(space: Space, message: string): Promise<readonly ReadRecord[]> {
  return (await recordsOf(space)).filter(({ body }) => body.turn?.message.id === message)
}

/** The payloads that an agent got, in order. */
export function recorder(): { readonly seen: unknown[]; readonly note: (value: unknown) => void } {
  const seen: unknown[] = []
  return { seen, note: (value) => void seen.push(value) }
}

/**
 * Real processes for tests: started with this Node, heard line by line, and never left behind.
 *
 * A child prints one JSON object a line: its reports on the standard output, its log on the standard error.
 * It gets its commands, one a line, on the standard input, and ends when that ends: so it does not outlive
 * its parent.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** One line of a child, parsed. A line that is no JSON object is `{ text }`. */
export type Line = Readonly<Record<string, unknown>>

/** How a child ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How a child is started. */
export interface LaunchOptions {
  /** A command that ends by running what follows it, in its own process: `['nice', '-n', '5']`. */
  readonly wrapper?: readonly string[]
  readonly nodeFlags?: readonly string[]
}

interface Waiter {
  readonly wanted: (line: Line) => boolean
  readonly found: (line: Line) => void
  readonly failed: (error: Error) => void
}

const living = new Set<Child>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})
// A test that takes too long, or is interrupted, ends through `exit` too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]))

/** A child process. */
export class Child {
  readonly name: string
  readonly reports: Line[] = []
  readonly log: Line[] = []
  readonly exited: Promise<Ended>
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #waiters = new Set<Waiter>()
  #ended: Ended | undefined

  constructor(script: string, args: readonly string[], options: LaunchOptions = {}) {
    this.name = [script.split('/').at(-1), ...args.slice(0, 1)].join(' ')
    const flags = ['--disable-warning=ExperimentalWarning', ...(options.nodeFlags ?? [])]
    const [command = process.execPath, ...rest] = [
      ...(options.wrapper ?? []),
      process.execPath,
      ...flags,
      script,
      ...args,
    ]
    this.#process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    living.add(this)
    // Whoever writes to a child that has just been killed gets EPIPE: that is what is tested here.
    this.#process.stdin.on('error', () => undefined)
    createInterface({ input: this.#process.stdout }).on('line', (text) => this.#heard(parsed(text)))
    createInterface({ input: this.#process.stderr }).on('line', (text) => this.log.push(parsed(text)))
    this.exited = new Promise((resolve) => {
      const over = (ended: Ended): void => {
        living.delete(this)
        this.#ended ??= ended
        for (const waiter of [...this.#waiters]) this.#fail(waiter, 'ended')
        resolve(this.#ended)
      }
      this.#process.on('error', (error) => {
        this.log.push({ text: error.message })
        over({ code: 127, signal: null })
      })
      // `close` and not `exit`: by then all that it has written has been read.
      this.#process.on('close', (code, signal) => over({ code, signal }))
    })
  }

  get pid(): number {
    return this.#process.pid ?? -1
  }

  /** True until its end has been seen. */
  get running(): boolean {
    return this.#ended === undefined
  }

  /** Sends a signal to this process alone. */
  kill(signal: NodeJS.Signals): void {
    if (this.running && this.#process.pid !== undefined) this.#process.kill(signal)
  }

  /** Gives a command. */
  tell(command: string): void {
    this.#process.stdin.write(`${command}\n`)
  }

  /**
   * The first report that is wanted, seen already or still to come. Rejects when the child ends before, or in
   * time.
   */
  async report(wanted: (line: Line) => boolean, timeoutMs = 30_000): Promise<Line> {
    const seen = this.reports.find(wanted)
    if (seen !== undefined) return seen
    return new Promise((found, failed) => {
      const timer = setTimeout(() => this.#fail(waiter, `silent for ${timeoutMs} ms`), timeoutMs)
      const forget = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        wanted,
        found: (line) => {
          forget()
          found(line)
        },
        failed: (error) => {
          forget()
          failed(error)
        },
      }
      if (this.running) this.#waiters.add(waiter)
      else this.#fail(waiter, 'ended')
    })
  }

  /** The report of an event. */
  event(event: string, timeoutMs?: number): Promise<Line> {
    return this.report((line) => line['event'] === event, timeoutMs)
  }

  /** Waits for its end; rejects, with its log, when it did not end well. */
  async success(timeoutMs = 60_000): Promise<void> {
    const timer = setTimeout(() => this.kill('SIGKILL'), timeoutMs)
    const ended = await this.exited
    clearTimeout(timer)
    if (ended.code !== 0) throw new Error(`${this.name} ended with ${describe(ended)}${this.#tail()}`)
  }

  /** Ends it, whatever it does, and waits until it is gone. */
  async end(): Promise<void> {
    this.kill('SIGKILL')
    await this.exited
  }

  #heard(line: Line): void {
    this.reports.push(line)
    for (const waiter of [...this.#waiters]) if (waiter.wanted(line)) waiter.found(line)
  }

  #fail(waiter: Waiter, what: string): void {
    const ended = this.#ended === undefined ? '' : ` with ${describe(this.#ended)}`
    waiter.failed(
      new Error(`${this.name} ${what}${ended} before it reported what was expected${this.#tail()}`),
    )
  }

  #tail(): string {
    const lines = this.log.slice(-12).map((line) => `\n  ${said(line)}`)
    return lines.length === 0 ? '' : `; its log ends:${lines.join('')}`
  }
}

/** Starts a child that is gone when the test is over, however the test ends. */
export function launch(
  t: { after(fn: () => Promise<void>): void },
  script: URL,
  args: readonly string[],
  options: LaunchOptions = {},
): Child {
  const child = new Child(script.pathname, args, options)
  t.after(() => child.end())
  return child
}

/** The message of a line of the log, or the whole line when it is none. */
export function said(line: Line): string {
  const text = line['message'] ?? line['text']
  return typeof text === 'string' ? text : JSON.stringify(line)
}

/** In a child: prints a report. */
export function tellParent(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** In a child: hears the parent's commands, and ends the process when the parent is gone. */
export function hearParent(heard: (command: string) => void = () => undefined): void {
  createInterface({ input: process.stdin })
    .on('line', heard)
    .on('close', () => process.exit(1))
}

function parsed(text: string): Line {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Line
  } catch {
    // Not a report: kept as it is.
  }
  return { text }
}

function describe({ code, signal }: Ended): string {
  return signal ?? `exit code ${code}`
}

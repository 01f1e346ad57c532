/**
 * The mark beside a council's file: how far the file had come. A file that is behind its mark is a copy that was put
 * back, and lacks votes that were cast. Who puts both back deceives it: see docs/guides/councils.md.
 *
 * @module
 */

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

/** A run of the replica, and how many commits there were. */
export interface MarkPlace {
  readonly run: string
  readonly sequence: number
}

const LINE_BYTES = 128

/** The mark of one open file. */
export class CouncilMark {
  readonly #descriptor: number
  #before: MarkPlace

  /** Notes that a new run begins, before the file itself says so: the file is then at either place. */
  constructor(file: string, before: MarkPlace, run: string) {
    this.#descriptor = openSync(markOf(file), 'w', 0o600)
    this.#before = before
    this.#write({ run, sequence: 0 })
    fsyncSync(this.#descriptor)
  }

  /** Notes a commit, after it. It need not reach the disk: it is there to notice copies, not losses of power. */
  move(place: MarkPlace): void {
    this.#before = place
    this.#write(place)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #write(place: MarkPlace): void {
    const text = [place, this.#before].map(({ run, sequence }) => `${run} ${sequence}`).join(' ')
    writeSync(this.#descriptor, `${text.padEnd(LINE_BYTES - 1)}\n`, 0)
  }
}

/** Why a file is not where its mark was, as a phrase; undefined when it is. */
export function markProblem(file: string, found: MarkPlace): string | undefined {
  const text = readMark(file)
  if (text === undefined) return 'the mark beside it is missing'
  const [run = '', sequence = '', runBefore = '', sequenceBefore = ''] = text.trim().split(' ')
  if (found.run === run) return found.sequence >= Number(sequence) ? undefined : 'it is an older copy'
  if (found.run === runBefore && found.sequence >= Number(sequenceBefore)) return undefined
  return 'it is a copy of an earlier run'
}

function markOf(file: string): string {
  return `${file}-mark`
}

function readMark(file: string): string | undefined {
  try {
    return readFileSync(markOf(file), 'utf8')
  } catch {
    return undefined
  }
}

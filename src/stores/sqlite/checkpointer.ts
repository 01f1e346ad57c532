/**
 * Checkpoints behind the hot path. Copying the log into the database takes 25 to 60 ms for 16 MiB; done by the commit
 * that happens to fill the log, as SQLite does it, that commit waits, and with it every agent of the process. So a
 * thread copies most of it while commits go on, and what was written meanwhile is little.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'

/** Pages (of 4 KiB) in the log at which it is copied. Fewer copy the same page more often. */
const CHECKPOINT_PAGES = 4_000
/** A commit writes about so many pages, and one more for so many rows: measured on small and on large batches. */
const PAGES_PER_COMMIT = 10
const ROWS_PER_PAGE = 4

/** One thread for one database file. It starts when there is first something to copy. */
export class Checkpointer {
  readonly #file: string
  readonly #finish: () => void
  #pages = 0
  #worker: Worker | undefined
  #failed = false
  #busy: Promise<void> | undefined
  #done: () => void = () => undefined

  /** `finish` copies the rest, on the connection that writes: only then does the log start anew. */
  constructor(file: string, finish: () => void) {
    this.#file = file
    this.#finish = finish
  }

  /** Notes a commit. */
  wrote(rows: number): void {
    this.#pages += PAGES_PER_COMMIT + rows / ROWS_PER_PAGE
    if (this.#pages < CHECKPOINT_PAGES || this.#failed || this.#busy !== undefined) return
    this.#pages = 0
    this.#busy = new Promise((resolve) => {
      this.#done = resolve
    })
    this.#thread().postMessage(null)
  }

  /** Resolves when nothing is being copied and the thread is gone. */
  async close(): Promise<void> {
    await this.#busy
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL('./checkpoint-thread.mjs', import.meta.url), {
      workerData: { file: this.#file },
      // What the process was started with is for the program, not for this thread.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    })
    worker.on('message', (done: boolean) => {
      if (done) this.#finish()
      else this.#failed = true
      this.#rest()
    })
    // Without the thread (a bundle may lack its file) SQLite copies by itself, later and in the way.
    worker.on('error', () => {
      this.#failed = true
      this.#rest()
    })
    // A copy under way is no reason for the program to stay.
    worker.unref()
    this.#worker = worker
    return worker
  }

  #rest(): void {
    this.#busy = undefined
    this.#done()
  }
}

import type { Clock } from '../ports/clock.ts'

/** One step: begun when it may cost something outside, ended when its result is durable. */
export interface StepMark {
  /** Resolves when the step may run. While the process stops, that is never, or when its turn was given up. */
  begin(): Promise<void>
  /** May be called again, and without a beginning. */
  end(): void
}

/**
 * The steps that run in this process, so that one that stops lets them end: what was paid for is recorded, and not
 * paid for again by whoever runs the turn next.
 */
export class StepsUnderWay {
  #running = 0
  #held: Promise<void> | undefined
  #release: () => void = () => undefined
  #quiet: () => void = () => undefined

  mark(): StepMark {
    let isRunning = false
    return {
      begin: async () => {
        await this.#held
        if (!isRunning) this.#running += 1
        isRunning = true
      },
      end: () => {
        if (!isRunning) return
        isRunning = false
        this.#running -= 1
        if (this.#running === 0) this.#quiet()
      },
    }
  }

  /** Holds steps that have not begun, and resolves when those that have are over, or after `ms`. */
  async drain(clock: Clock, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    this.#release = resolve
    if (this.#running === 0 || ms === 0) return
    await new Promise<void>((over) => {
      const forget = clock.setTimer(ms, over)
      this.#quiet = () => {
        forget()
        over()
      }
    })
  }

  /** Lets go on what was held: its turn was given up, and finds that out. */
  release(): void {
    this.#release()
  }
}

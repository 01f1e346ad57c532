/** One piece of asynchronous work at a time, in the order in which it was asked for. */
export class Mutex {
  #last: Promise<void> = Promise.resolve()

  /** Runs `work` when all before it is done; what it throws is thrown. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    let free: () => void = () => undefined
    this.#last = new Promise((resolve) => {
      free = resolve
    })
    await before
    try {
      return await work()
    } finally {
      free()
    }
  }
}

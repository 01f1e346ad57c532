import type { CouncilReceiver, CouncilTransport } from '../../ports/council.ts'

/** Messages that wait for one member; more are dropped, the oldest first. */
const QUEUE_MAX = 10_000

interface Place {
  readonly queue: { readonly from: string; readonly text: string }[]
  receive: CouncilReceiver | undefined
  isDue: boolean
}

/** A network within one process, for tests. `defer` runs a function after everything that is ready now. */
export class MemoryCouncilNetwork {
  readonly #places = new Map<string, Place>()
  readonly #defer: (fn: () => void) => void
  /** Messages between these two, in this order, get lost. */
  readonly cut: Set<string> = new Set()

  constructor(ids: readonly string[], defer: (fn: () => void) => void) {
    this.#defer = defer
    for (const id of ids) this.#places.set(id, { queue: [], receive: undefined, isDue: false })
  }

  /** The transport of one member. */
  transport(self: string): CouncilTransport {
    const others = [...this.#places.keys()].filter((id) => id !== self)
    return {
      meet: () => undefined,
      start: async (receive) => {
        const place = this.#places.get(self)
        if (place !== undefined) place.receive = receive
      },
      send: (to, text) => {
        for (const id of to === null ? others : [to]) this.#deliver(self, id, text)
      },
      flush: () => undefined,
      peers: () =>
        others.map((id) => ({ id, url: `memory:${id}`, isConnected: true, dropped: 0, error: undefined })),
      refused: 0,
      close: async () => {
        const place = this.#places.get(self)
        if (place === undefined) return
        place.receive = undefined
        place.queue.length = 0
      },
    }
  }

  #deliver(from: string, to: string, text: string): void {
    const place = this.#places.get(to)
    if (place?.receive === undefined || this.cut.has(`${from} ${to}`)) return
    if (place.queue.length >= QUEUE_MAX) place.queue.shift()
    place.queue.push({ from, text })
    if (place.isDue) return
    place.isDue = true
    this.#defer(() => {
      place.isDue = false
      for (const one of place.queue.splice(0)) place.receive?.(one.from, one.text)
    })
  }
}

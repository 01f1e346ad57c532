/**
 * Ports for servers that must know theirs before they start.
 *
 * @module
 */

import { createServer } from 'node:net'

// Below those that Linux gives to outgoing connections: there, somebody may take one at any moment, and a server that
// restarts finds its own taken.
const FIRST = 10_000
const END = 32_000

/** Different ports of 127.0.0.1 that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST))
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.on('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}

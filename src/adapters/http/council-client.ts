/**
 * What a member's own tools ask its running replica: over the same port, proving that they have the member's key.
 *
 * @module
 */

import { CoterieError, ERROR_TRAITS, type ErrorCode, type ErrorDetails } from '../../core/errors.ts'
import type { LinkIdentity } from './handshake.ts'
import { connect } from './link.ts'

/** Asks one thing. Throws COTERIE_COUNCIL_UNREACHABLE when the replica is not there, and what it answers with. */
export async function askReplica(
  identity: LinkIdentity,
  url: string,
  request: { readonly method: string; readonly params?: unknown },
  timeoutMs: number,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const lost = (cause: unknown): CoterieError => {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `The replica at ${url} cannot be reached: ${why}. Is it running (coterie council run)?`
    return new CoterieError('COTERIE_COUNCIL_UNREACHABLE', message, { cause, details: { url } })
  }
  const link = await connect(identity, { id: identity.self, url }, 'client').catch((error: unknown) => {
    throw lost(error)
  })
  const { socket, reader, writer } = link
  const timer = setTimeout(() => {
    reject(new CoterieError('COTERIE_DEADLINE_PASSED', `The replica at ${url} has not answered in time.`))
  }, timeoutMs)
  // The first frame of a connection is empty, in both directions.
  const take = (piece: Buffer): void => {
    const payloads = reader.read(piece)
    if (payloads === undefined) return reject(lost(new Error('it does not speak the protocol')))
    for (const payload of payloads) if (payload.length > 0) resolve(JSON.parse(payload.toString('utf8')))
  }
  socket.on('data', take)
  socket.on('error', (error: Error) => reject(lost(error)))
  socket.on('close', () => reject(lost(new Error('the connection was closed'))))
  if (link.head.length > 0) take(link.head)
  socket.write(writer.frame(Buffer.from(JSON.stringify({ id: 1, ...request }))))
  try {
    return valueOf(await promise)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

function valueOf(answer: unknown): unknown {
  const one = answer as { readonly ok: boolean; readonly value?: unknown; readonly error?: unknown }
  if (one.ok) return one.value
  const { code, message, details } = one.error as {
    readonly code: string
    readonly message: string
    readonly details: ErrorDetails
  }
  if (code in ERROR_TRAITS) throw new CoterieError(code as ErrorCode, message, { details })
  throw new Error(message)
}

import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { LogVerifier, type LogReport, type LogVerifierOptions } from '../../src/log/log-verifier.ts'
import { verifyCertificate } from '../../src/voting/certificate.ts'
import type { Space } from './log.ts'

/** Gives the verifier all that the space holds, in the order in which it wants it. */
export function verifyAll(
  space: Space,
  options: Partial<LogVerifierOptions> = {},
  finish: { readonly live?: boolean } = {},
): LogReport {
  const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate, ...options })
  feed(space, verifier)
  return verifier.finish(finish)
}

/** The same without the end. */
export function feed(space: Space, verifier: LogVerifier): void {
  const rows = space.messages.toSorted((a, b) => a.position - b.position)
  let at = 0
  for (const record of space.records) {
    if (!verifier.record(record)) break
    for (let row = rows[at]; row !== undefined && row.position <= record.position; row = rows[++at]) {
      if (!verifier.message(row)) break
    }
  }
  for (const name of [...verifier.streams()]) verifier.stream(name, space.events.get(name) ?? [])
  for (const turn of [...verifier.turns()]) verifier.journal(turn, space.chunks.get(turn) ?? [])
  for (const decision of space.decisions) verifier.decision(decision)
}

/**
 * A transport that lies: it hands on what an honest machine says, and adds or leaves out what its owner likes. All of
 * it is signed with the member's own genuine key: nobody can lie better than that without breaking Ed25519.
 *
 * @module
 */

import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import type { Certificate } from '../../src/bft/certificate.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Message } from '../../src/bft/messages.ts'
import { proposalDigest, valueDigest, type Proposal, type Value } from '../../src/bft/proposal.ts'
import { statementBytes, type Signed, type Statement, type Vote } from '../../src/bft/statements.ts'
import type { CouncilTransport } from '../../src/ports/council.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'

/** Kinds of liars. */
export const KINDS = ['equivocate', 'forge', 'silent'] as const
export type Kind = (typeof KINDS)[number]

const crypto = councilCrypto(nodeCrypto)

/** Wraps a transport. `place` is the liar's place among the members, `peers` are the others' ids. */
export function lying(
  kind: Kind,
  inner: CouncilTransport,
  self: { readonly key: KeyPair; readonly place: number; readonly peers: readonly string[] },
): CouncilTransport {
  const sign = <T extends Statement>(statement: T): Signed<T> => {
    return { ...statement, signature: nodeCrypto.sign(self.key.privateKey, statementBytes(statement)) }
  }
  const tell = (to: string | null, message: Message): void => inner.send(to, JSON.stringify(message))
  const values = new Map<number, Value>()
  const note = (message: Message): void => {
    if (message.type === 'proposal') values.set(message.proposal.value.height, message.proposal.value)
  }

  const lies: Readonly<Record<Kind, (to: string | null, text: string, message: Message) => void>> = {
    // One proposal for some and another for the rest; and a vote for each of two proposals, to everybody.
    equivocate(to, text, message) {
      if (message.type === 'proposal') {
        const [first = '', ...rest] = self.peers
        for (const peer of rest) inner.send(peer, text)
        return tell(first, { type: 'proposal', proposal: otherProposal(message.proposal, sign) })
      }
      inner.send(to, text)
      if (message.type !== 'vote' || message.vote.type !== 'notarize') return
      const { signature: _, ...vote } = message.vote
      tell(to, { type: 'vote', vote: sign({ ...vote, proposal: crypto.digest('proposal', text) }) })
    },
    // A proposal for a later view, "justified" by certificates that nobody else signed; and votes in others' names.
    forge(to, text, message) {
      inner.send(to, text)
      if (message.type !== 'vote' || message.vote.type !== 'notarize') return
      const { vote } = message
      const value = values.get(vote.height)
      const others = self.peers.map((_, at) => (at < self.place ? at : at + 1))
      for (const sender of others) tell(to, { type: 'vote', vote: sign({ ...vote, sender }) })
      const count = self.peers.length + 1
      const view = (((self.place - vote.height) % count) + count) % count
      if (value === undefined || view === 0) return
      tell(to, { type: 'proposal', proposal: forgedProposal(vote, view, value, sign) })
    },
    // It hears everything and says nothing, its own proposals least of all.
    silent: () => undefined,
  }

  return {
    meet: (others) => inner.meet(others),
    start: (receive) =>
      inner.start((from, text) => {
        note(JSON.parse(text) as Message)
        receive(from, text)
      }),
    send: (to, text) => {
      const message = JSON.parse(text) as Message
      note(message)
      lies[kind](to, text, message)
    },
    flush: () => inner.flush(),
    peers: () => inner.peers(),
    get refused() {
      return inner.refused
    },
    close: () => inner.close(),
  }
}

type Sign = <T extends Statement>(statement: T) => Signed<T>

/** Another proposal for the same view: the same operations, backwards, or none of the last. */
function otherProposal({ statement, value, justification, previous }: Proposal, sign: Sign): Proposal {
  const operations = value.operations.slice(0, Math.max(1, value.operations.length - 1))
  const complaints = value.operations.length === 1 ? [] : value.complaints
  const other: Value = { ...value, operations, complaints, stateRoot: crypto.digest('state', 'another') }
  const proposal = proposalDigest(crypto, statement, valueDigest(crypto, other), justification)
  const { signature: _, ...rest } = statement
  return { statement: sign({ ...rest, proposal }), value: other, justification, previous }
}

/** A proposal for a view that nobody has reached, with certificates of the liar's own making. */
function forgedProposal(vote: Signed<Vote>, view: number, value: Value, sign: Sign): Proposal {
  const { instance, epoch, membership, height, sender } = vote
  const scope = { instance, epoch, membership, height }
  const justification = Array.from({ length: view }, (_, at): Certificate => {
    const signers = [0, 1, 2]
    const signatures = signers.map(
      (one) => sign({ type: 'nullify', ...scope, view: at, sender: one }).signature,
    )
    return { type: 'nullification', ...scope, view: at, proposal: '', value: '', signers, signatures }
  })
  const proposal = proposalDigest(crypto, { ...scope, view }, valueDigest(crypto, value), justification)
  const statement = sign({ type: 'propose', ...scope, view, sender, proposal })
  return { statement, value, justification, previous: null }
}

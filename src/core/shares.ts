/**
 * Which worker an address falls to: rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to
 * increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998). Every worker gives each address a score,
 * and the highest takes it. All who know the same workers answer the same, nobody is asked, and when a worker
 * joins or leaves, only the addresses move that it gains or had.
 *
 * @module
 */

import { nameOf } from './address.ts'

/** A worker, and the agents that it runs. */
export interface Peer {
  readonly id: string
  readonly agents: readonly string[]
}

interface Candidate {
  readonly id: string
  readonly seed: number
}

/** The division of addresses among a set of workers. */
export class Shares {
  /** Names the set: equal for two sets of the same workers with the same agents. */
  readonly key: string
  readonly #candidates: ReadonlyMap<string, readonly Candidate[]>

  constructor(peers: readonly Peer[]) {
    const sorted = peers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const candidates = new Map<string, Candidate[]>()
    for (const { id, agents } of sorted) {
      for (const agent of agents) {
        const known = candidates.get(agent) ?? []
        candidates.set(agent, known)
        known.push({ id, seed: hashText(id) })
      }
    }
    this.#candidates = candidates
    this.key = JSON.stringify(sorted.map(({ id, agents }) => [id, agents.toSorted()]))
  }

  /**
   * The worker that an address falls to; undefined when none of them runs its agent. With `without`, the one to
   * which it would fall if that worker were not there.
   */
  ownerOf(address: string, without?: string): string | undefined {
    const candidates = this.#candidates.get(nameOf(address)) ?? []
    if (candidates.length < 2 && without === undefined) return candidates[0]?.id
    const hash = hashText(address)
    let owner: string | undefined
    let highest = -1
    for (const { id, seed } of candidates) {
      const score = mix(mix(hash ^ seed) + seed)
      // The candidates are in the order of their ids: of two with one score, everybody takes the first.
      if (score <= highest || id === without) continue
      owner = id
      highest = score
    }
    return owner
  }
}

/** FNV-1a over the UTF-16 code units, then mixed: names that differ in their last letter are far apart. */
function hashText(text: string): number {
  let hash = 0x81_1c_9d_c5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93)
  return mix(hash)
}

/** The finaliser of MurmurHash3: every bit of the input changes about half of the 32 bits that come out. */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85_eb_ca_6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2_b2_ae_35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * Which of a worker's agents have a key to sign with, as the owner's records and the keyring go on.
 *
 * @module
 */

import { CoterieError, errorValue } from '../core/errors.ts'
import type { Logger } from '../ports/logger.ts'
import type { Directory } from './directory.ts'
import { builtOnRevoked } from './refusals.ts'

/** An agent whose key is gone, revoked, or there again. */
export interface KeyChange {
  readonly name: string
  /** Why its turns are given up; undefined when there is no reason to. */
  readonly stops: CoterieError | undefined
}

export class KeyWatch {
  readonly #directory: Directory
  readonly #logger: Logger
  /** Agents that have no key to sign with, and what was said of it: they do nothing until they have one. */
  readonly #keyless = new Map<string, string>()
  /** How many keys of each agent had been revoked when its turns began. */
  readonly #revocations = new Map<string, number>()

  constructor(directory: Directory, logger: Logger) {
    this.#directory = directory
    this.#logger = logger
  }

  /** True when no agent lacks a key. */
  get isComplete(): boolean {
    return this.#keyless.size === 0
  }

  isKeyless(name: string): boolean {
    return this.#keyless.has(name)
  }

  /** Looks again; answers those of these agents for which something has changed. */
  look(names: Iterable<string>): readonly KeyChange[] {
    const { registry } = this.#directory
    const changes: KeyChange[] = []
    for (const name of names) {
      const problem = this.#problem(name)
      const had = this.#keyless.get(name)
      const revocations = registry.revocations(name)
      const isRevoked = revocations !== (this.#revocations.get(name) ?? revocations)
      this.#revocations.set(name, revocations)
      if (problem === undefined) this.#keyless.delete(name)
      else this.#keyless.set(name, problem.message)
      if (problem !== undefined && problem.message !== had) {
        const { code } = errorValue(problem)
        this.#logger.log('error', `agent "${name}" stops: ${problem.message}`, { agent: name, code })
      }
      const isBack = problem === undefined && had !== undefined
      if (isBack) this.#logger.log('info', `agent "${name}" has a key again`, { agent: name })
      const isOver = isRevoked || (problem !== undefined && had === undefined)
      if (isOver) changes.push({ name, stops: problem ?? builtOnRevoked(name) })
      else if (isBack) changes.push({ name, stops: undefined })
    }
    return changes
  }

  #problem(name: string): CoterieError | undefined {
    try {
      this.#directory.signer(name)
      return undefined
    } catch (error) {
      if (error instanceof CoterieError) return error
      throw error
    }
  }
}

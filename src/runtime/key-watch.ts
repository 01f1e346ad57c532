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
  readonly #onChange: (changes: readonly KeyChange[]) => void
  #catchingUp = false
  /** The store could not be asked whether a missing key was replaced. */
  #unsure = false

  /** `onChange` is told of the agents for which something has changed. */
  constructor(directory: Directory, logger: Logger, onChange: (changes: readonly KeyChange[]) => void) {
    this.#directory = directory
    this.#logger = logger
    this.#onChange = onChange
  }

  /** True when no agent lacks a key, as far as is known. */
  get isComplete(): boolean {
    return this.#keyless.size === 0 && !this.#unsure
  }

  isKeyless(name: string): boolean {
    return this.#keyless.has(name)
  }

  /** Looks again: at once, unless it must first be seen whether a key that is missing was only replaced. */
  look(names: Iterable<string>): void {
    const all = [...names]
    if (this.#catchingUp) return
    if (this.#directory.canSign(all)) this.#onChange(this.#changes(all))
    else void this.#lookLater(all)
  }

  async #lookLater(names: readonly string[]): Promise<void> {
    this.#catchingUp = true
    try {
      await this.#directory.catchUpKeys(names)
      this.#unsure = false
    } catch (error) {
      // Looked for again with the next heartbeat.
      this.#unsure = true
      const { code, message } = errorValue(error)
      this.#logger.log('error', `looking for keys failed: ${message}`, { code })
    }
    this.#catchingUp = false
    if (!this.#unsure) this.#onChange(this.#changes(names))
  }

  #changes(names: Iterable<string>): readonly KeyChange[] {
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

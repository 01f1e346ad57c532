import { CoterieError } from '../core/errors.ts'
import { entryOf, type RegisterEntry, VoteRegister } from './register.ts'
import type { Statement, Vote } from './statements.ts'

/** Everything that may be signed without the register: none of it can be held against another. */
export type FreeStatement = Exclude<Statement, Vote>

/**
 * The only way to a vote's signature. A vote is first noted (`prepare`); then the driver makes the entry durable and
 * says so (`durable`); only then it is signed. What contradicts an earlier vote is never noted, also after a restart
 * with the register that was made durable.
 */
export class VoteSigner {
  readonly #seal: (statement: Statement) => string
  readonly #register: VoteRegister
  readonly #pending = new Set<string>()

  /** `seal` signs with the member's key; `register` has what was durable when the member last stopped. */
  constructor(seal: (statement: Statement) => string, register: VoteRegister = new VoteRegister()) {
    this.#seal = seal
    this.#register = register
  }

  /** The entry to make durable, `durable` when it is so already, `refused` when the vote must not be signed. */
  prepare(vote: Vote): RegisterEntry | 'durable' | 'refused' {
    const entry = entryOf(vote)
    const verdict = this.#register.judge(entry)
    if (verdict === 'refused') return 'refused'
    if (verdict === 'again') return this.#pending.has(keyOf(entry)) ? entry : 'durable'
    this.#register.note(entry)
    this.#pending.add(keyOf(entry))
    return entry
  }

  /** Everything that was prepared before is on the disk. */
  durable(): void {
    this.#pending.clear()
  }

  /**
   * Signs a vote whose entry is durable.
   *
   * @throws CoterieError `COTERIE_INVALID_ARGUMENT` when it was not prepared, or is not durable yet.
   */
  sign(vote: Vote): string {
    const entry = entryOf(vote)
    if (this.#register.judge(entry) !== 'again' || this.#pending.has(keyOf(entry))) {
      const { type, height, view } = vote
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'A vote is signed only after its register entry is durable.',
        {
          details: { type, height, view },
        },
      )
    }
    return this.#seal(vote)
  }

  /** Signs what needs no register. */
  signFree(statement: FreeStatement): string {
    return this.#seal(statement)
  }

  /** The height is decided and durable: its votes are over. */
  decided(height: number): void {
    this.#register.raise(height)
  }
}

function keyOf({ type, height, view }: RegisterEntry): string {
  return `${height} ${view} ${type}`
}

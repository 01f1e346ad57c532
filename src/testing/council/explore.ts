/**
 * A model of the voting rules that is small enough to look at every state of it: one height, four equal members, a few
 * views, two values. Liars have signed every vote there is; every message may arrive at any time or never. So a step is
 * an honest member casting a vote that the rules allow, on certificates that can be made of the votes so far.
 *
 * Honest members may go back to earlier views here, and votes for one value count together whatever their
 * justification: the model allows more than the machine does. What holds in it holds for the machine's votes.
 *
 * @module
 */

/** What is explored, and which rule is left out, to see that the exploration notices. */
export interface Model {
  readonly liars: 1 | 2
  readonly views: number
  readonly without?:
    | 'R8'
    | 'justification'
    | 'one notarisation'
    | 'one proposal a view'
    | 'a quorum'
    | undefined
}

/** What was found. */
export interface Explored {
  readonly states: number
  /** States in which two values are decided. */
  readonly forks: number
  /** The first fork, as the votes of each honest member; undefined when there is none. */
  readonly fork: string | undefined
  /** The least number of members that the certificates of a fork convict; of all forks and all choices of quorums. */
  readonly culpritsMin: number
  /** Whether the certificates of a fork ever convict an honest member. */
  readonly accusesHonest: boolean
}

const MEMBERS = 4
const VALUES = [1, 2] as const
/** Of one member in one view: what it notarised, finalised (0 for nothing), and whether it nullified. */
const CELLS = 18

type Value = (typeof VALUES)[number]
type Votes = readonly number[]

const notarized = (cell: number): number => cell % 3
const finalized = (cell: number): number => Math.floor(cell / 3) % 3
const nullified = (cell: number): boolean => cell >= 9

/** Explores every state that can be reached. */
export function explore(model: Model): Explored {
  return new Exploration(model).run()
}

class Exploration {
  readonly #model: Model
  readonly #honest: number
  readonly #quorum: number
  /** One member's votes in all views are one number. */
  readonly #span: number
  readonly #seen = new Set<number>()
  readonly #found = {
    forks: 0,
    fork: undefined as string | undefined,
    culpritsMin: MEMBERS,
    accusesHonest: false,
  }

  constructor(model: Model) {
    this.#model = model
    this.#honest = MEMBERS - model.liars
    this.#quorum = model.without === 'a quorum' ? 2 : 3
    this.#span = CELLS ** model.views
  }

  run(): Explored {
    const open: (readonly Votes[])[] = [
      Array.from({ length: this.#honest }, () => Array.from({ length: this.#model.views }, () => 0)),
    ]
    this.#seen.add(0)
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      this.#judge(state)
      for (const [member, votes] of state.entries()) {
        for (const next of this.#steps(state, votes)) {
          // Members are alike: which of them has voted how does not matter, so they are sorted.
          const reached = state.with(member, next).toSorted((a, b) => this.#numberOf(a) - this.#numberOf(b))
          const key = reached.reduce((sum, one) => sum * this.#span + this.#numberOf(one), 0)
          if (this.#seen.has(key)) continue
          this.#seen.add(key)
          open.push(reached)
        }
      }
    }
    return { states: this.#seen.size, ...this.#found }
  }

  #numberOf(votes: Votes): number {
    return votes.reduce((sum, cell) => sum * CELLS + cell, 0)
  }

  /** Every vote that an honest member may cast next. */
  #steps(state: readonly Votes[], votes: Votes): readonly Votes[] {
    const { without } = this.#model
    const steps: Votes[] = []
    // The values are alike: whichever is voted for first is called the first.
    const isFirstUsed = state.some((one) => one.some((cell) => notarized(cell) === 1))
    for (const [view, cell] of votes.entries()) {
      if (!nullified(cell) && (finalized(cell) === 0 || without === 'R8'))
        steps.push(votes.with(view, cell + 9))
      for (const value of isFirstUsed ? VALUES : VALUES.slice(0, 1)) {
        const isJustified = without === 'justification' || this.#isJustified(state, view, value)
        const mayNotarize = notarized(cell) === 0 && [0, value].includes(finalized(cell))
        if (mayNotarize && isJustified) steps.push(votes.with(view, cell + value))
        if (
          without === 'one notarisation' &&
          notarized(cell) !== 0 &&
          notarized(cell) !== value &&
          isJustified
        ) {
          steps.push(votes.with(view, cell - notarized(cell) + value))
        }
        const mayFinalize =
          finalized(cell) === 0 &&
          (!nullified(cell) || without === 'R8') &&
          ([0, value].includes(notarized(cell)) || without === 'one proposal a view')
        if (mayFinalize && isJustified && this.#isNotarized(state, view, value)) {
          steps.push(votes.with(view, cell + 3 * value))
        }
      }
    }
    return steps
  }

  /** Each earlier view can be shown to be nullified, or to have notarised the value. */
  #isJustified(state: readonly Votes[], view: number, value: Value): boolean {
    for (let at = 0; at < view; at++) {
      if (!this.#isNullified(state, at) && !this.#isNotarized(state, at, value)) return false
    }
    return true
  }

  #isNotarized(state: readonly Votes[], view: number, value: Value): boolean {
    return this.#isQuorum(state.filter((votes) => notarized(votes[view] ?? 0) === value).length)
  }

  #isNullified(state: readonly Votes[], view: number): boolean {
    return this.#isQuorum(state.filter((votes) => nullified(votes[view] ?? 0)).length)
  }

  #isFinalized(state: readonly Votes[], view: number, value: Value): boolean {
    return this.#isQuorum(state.filter((votes) => finalized(votes[view] ?? 0) === value).length)
  }

  #isQuorum(honest: number): boolean {
    return honest + this.#model.liars >= this.#quorum
  }

  /** Looks for two decisions, and for whom each pair of them convicts. */
  #judge(state: readonly Votes[]): void {
    const { views } = this.#model
    let isFork = false
    for (let early = 0; early < views; early++) {
      for (let late = early; late < views; late++) {
        for (const value of VALUES) {
          const other: Value = value === 1 ? 2 : 1
          if (!this.#isFinalized(state, early, value) || !this.#isFinalized(state, late, other)) continue
          isFork = true
          this.#convict(state, early, late, value, other)
        }
      }
    }
    if (!isFork) return
    this.#found.forks += 1
    this.#found.fork ??= JSON.stringify(state)
  }

  /**
   * The later decision says of the view of the earlier one that it was nullified, or notarised the other value (or is
   * of the same view). Whoever has signed both that and the earlier decision is convicted.
   */
  #convict(state: readonly Votes[], early: number, late: number, value: Value, other: Value): void {
    const decided = state.map((votes) => finalized(votes[early] ?? 0) === value)
    const rivals: boolean[][] = []
    const add = (holds: boolean, of: (votes: Votes) => boolean): void => {
      if (holds) rivals.push(state.map(of))
    }
    if (early === late) add(true, (votes) => finalized(votes[late] ?? 0) === other)
    else {
      add(this.#isNullified(state, early), (votes) => nullified(votes[early] ?? 0))
      add(this.#isNotarized(state, early, other), (votes) => notarized(votes[early] ?? 0) === other)
    }
    // Without any, the later decision is not justified, and all who finalised it are guilty.
    for (const rival of rivals) this.#convictBy(decided, rival)
  }

  #convictBy(decided: readonly boolean[], rival: readonly boolean[]): void {
    const signed = (signers: readonly boolean[], member: number): boolean => signers[member] ?? true
    for (const one of QUORUMS) {
      if (!one.every((member) => signed(decided, member))) continue
      for (const other of QUORUMS) {
        if (!other.every((member) => signed(rival, member))) continue
        const culprits = one.filter((member) => other.includes(member))
        this.#found.culpritsMin = Math.min(this.#found.culpritsMin, culprits.length)
        if (culprits.some((member) => member < this.#honest)) this.#found.accusesHonest = true
      }
    }
  }
}

/** Every choice of three members. Honest ones come first. */
const QUORUMS: readonly (readonly number[])[] = [
  [0, 1, 2],
  [0, 1, 3],
  [0, 2, 3],
  [1, 2, 3],
]

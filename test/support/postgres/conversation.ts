/**
 * What the messages on one connection mean for its transactions: where each begins, where it is committed, and when the
 * client is told. Follows the simple and the extended protocol, pipelined or not, and transactions without a BEGIN.
 *
 * @module
 */

import { textsOf } from './frames.ts'
import type { Frame } from './frames.ts'

/**
 * The moments of a transaction, in order.
 *
 * | phase | the message in hand |
 * |---|---|
 * | begin | BEGIN, from the client |
 * | begun | its answer |
 * | statement | a command in the transaction, from the client |
 * | commit | the message that makes the server commit: COMMIT, or the end of a transaction without BEGIN |
 * | sent | none: that message is on its way |
 * | committed | its answer: the server has committed, and the client does not know |
 * | answered | none: the client has been told |
 */
export type Phase = 'begin' | 'begun' | 'statement' | 'commit' | 'sent' | 'committed' | 'answered'

/** One such moment. */
export interface Point {
  readonly phase: Phase
  /** The commands of the transaction so far, one a line. */
  readonly sql: string
}

/** Commands up to the point at which the server says that it is ready for more. */
interface Group {
  /** How it ends the transaction, if it does. */
  commit: 'explicit' | 'implicit' | undefined
  simple: boolean
  /** It runs something. */
  busy: boolean
  failed: boolean
  committed: boolean
  sql: string
}

type Kind = 'begin' | 'commit' | 'rollback' | 'other'

/** One connection. */
export class Conversation {
  readonly #statements = new Map<string, string>()
  readonly #portals = new Map<string, string>()
  /** Groups that are on their way, the oldest first. */
  readonly #sent: Group[] = []
  #group: Group = newGroup()
  #open = false
  #sql: string[] = []
  /** A transaction that is committed, and whose client is about to be told. */
  #answered: string | undefined

  /** The point at which this message of the client stands before it is forwarded. */
  fromClient(frame: Frame): Point | undefined {
    const [first = '', second = ''] = 'PBEQ'.includes(frame.type) ? textsOf(frame, 2) : []
    switch (frame.type) {
      case 'P':
        this.#statements.set(first, second)
        return undefined
      case 'B':
        this.#portals.set(first, this.#statements.get(second) ?? '')
        return undefined
      case 'E':
        return this.#execute(this.#portals.get(first) ?? '')
      case 'S':
        return this.#sync()
      case 'Q':
        return this.#simple(first)
      default:
        return undefined
    }
  }

  /** The point at which this message of the server stands before it is forwarded. */
  fromServer(frame: Frame): Point | undefined {
    const group = this.#sent[0] ?? this.#group
    if (frame.type === 'E') group.failed = true
    if (frame.type === 'C') {
      const [tag = ''] = textsOf(frame, 1)
      const alone = !group.simple || group.commit === undefined
      if (alone && /^(BEGIN|START)/.test(tag)) return { phase: 'begun', sql: group.sql }
      const done =
        group.commit === 'explicit' ? tag === 'COMMIT' : group.simple && group.commit === 'implicit'
      if (done) return this.#committed(group)
    }
    if (frame.type !== 'Z') return undefined
    this.#sent.shift()
    const [status] = textsOf(frame, 1)
    if (this.#sent.length === 0 && !this.#group.busy) this.#open = status !== 'I'
    const silent = group.commit === 'implicit' && !group.failed && !group.committed
    return silent ? this.#committed(group) : undefined
  }

  /** The point behind a message of the server that has been forwarded. */
  afterServer(frame: Frame): Point | undefined {
    if (frame.type !== 'Z' || this.#answered === undefined) return undefined
    const point: Point = { phase: 'answered', sql: this.#answered }
    this.#answered = undefined
    return point
  }

  #committed(group: Group): Point {
    group.committed = true
    this.#answered = group.sql
    return { phase: 'committed', sql: group.sql }
  }

  #execute(sql: string): Point | undefined {
    this.#group.busy = true
    switch (kindOf(sql)) {
      case 'begin':
        this.#begin()
        return this.#point('begin', sql)
      case 'commit':
        this.#open = false
        this.#group.commit = 'explicit'
        return this.#point('commit', sql)
      case 'rollback':
        this.#open = false
        this.#group.commit = undefined
        this.#sql = []
        return undefined
      case 'other':
        if (!this.#open && this.#group.commit !== 'implicit') {
          this.#sql = []
          this.#group.commit = 'implicit'
        }
        return this.#point('statement', sql)
    }
  }

  #sync(): Point | undefined {
    const point = this.#group.commit === 'implicit' ? this.#point('commit', '') : undefined
    this.#send(false)
    return point
  }

  /** One message with one or several commands; they are one transaction unless they say otherwise. */
  #simple(text: string): Point | undefined {
    const commands = text.split(';').filter((command) => command.trim() !== '')
    const kinds = commands.map(kindOf)
    const began = kinds.includes('begin')
    if (began) this.#begin()
    this.#group.busy = true
    const inside = this.#open
    if (!inside) this.#sql = []
    this.#sql.push(...commands)
    if (kinds.includes('commit')) this.#group.commit = 'explicit'
    else if (!inside && !kinds.includes('rollback')) this.#group.commit = 'implicit'
    if (kinds.includes('commit') || kinds.includes('rollback')) this.#open = false
    const commit = this.#group.commit
    const point: Point = {
      phase: commit === undefined ? (began ? 'begin' : 'statement') : 'commit',
      sql: this.#sql.join('\n'),
    }
    this.#send(true)
    return kinds.includes('rollback') ? undefined : point
  }

  #begin(): void {
    this.#open = true
    this.#sql = []
  }

  #point(phase: Phase, sql: string): Point {
    if (sql !== '') this.#sql.push(sql)
    this.#group.sql = this.#sql.join('\n')
    return { phase, sql: this.#group.sql }
  }

  #send(simple: boolean): void {
    this.#group.simple = simple
    this.#group.sql = this.#sql.join('\n')
    this.#sent.push(this.#group)
    this.#group = newGroup()
  }
}

function newGroup(): Group {
  return { commit: undefined, simple: false, busy: false, failed: false, committed: false, sql: '' }
}

function kindOf(sql: string): Kind {
  const [word = ''] = /[a-z]+/i.exec(sql) ?? []
  switch (word.toLowerCase()) {
    case 'begin':
    case 'start':
      return 'begin'
    case 'commit':
    case 'end':
      return 'commit'
    case 'rollback':
    case 'abort':
      return 'rollback'
    default:
      return 'other'
  }
}

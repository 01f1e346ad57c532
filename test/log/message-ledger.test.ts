import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { turnOf } from '../../src/core/ids.ts'
import type { MessageState } from '../../src/core/message.ts'
import type { TurnEnd } from '../../src/core/record.ts'
import { messageId, Space } from '../helpers/log.ts'
import { verifyAll } from '../helpers/verify-log.ts'

const STATES: readonly MessageState[] = [
  'scheduled',
  'queued',
  'delivered',
  'waiting',
  'answered',
  'cancelling',
  'handled',
  'dead',
  'expired',
  'cancelled',
]
const FINAL: readonly MessageState[] = ['handled', 'dead', 'expired', 'cancelled']

/** The states that the store may have a message in, after the log that `write` writes. */
function allowed(write: (space: Space) => string): MessageState[] {
  return STATES.filter((state) => {
    const space = new Space()
    const id = write(space)
    // The record that ended it is the last one, by construction of the cases.
    space.leave(id, state, FINAL.includes(state) ? (endings.get(space) ?? space.position) : null)
    return verifyAll(space).ok
  })
}

const endings = new WeakMap<Space, number>()

function sent(space: Space): string {
  return space.send('client/1', [{ to: 'alice' }])[0] ?? ''
}

function settle(space: Space, id: string, as: 'handled' | 'expired' | 'cancelled' | 'queued'): void {
  space.write({ author: 'client/2', kind: 'settle', settles: [{ as, id }] })
}

/** Notes that later records change nothing about the message. */
function settledHere(space: Space): void {
  endings.set(space, space.position)
}

/** The log must be refused at its last record. */
function refused(write: (space: Space) => void, reason: RegExp): void {
  const space = new Space()
  write(space)
  const { fault } = verifyAll(space)
  assert.ok(fault)
  assert.match(fault.reason, reason)
  assert.equal(fault.position, space.position)
}

suite('the log says that a message is', () => {
  test('not ended, when it was sent, or failed and is to be tried again', () => {
    const open = ['scheduled', 'queued', 'delivered']
    assert.deepEqual(allowed(sent), open)
    const retried = allowed((space) => {
      const id = sent(space)
      space.turn(id, 'retry')
      return id
    })
    assert.deepEqual(retried, open)
  })

  for (const end of ['waiting', 'handled', 'dead', 'expired', 'cancelled'] as const) {
    test(`${end}, when its turn ended so`, () => {
      const states = allowed((space) => {
        const id = sent(space)
        space.turn(id, end)
        return id
      })
      assert.deepEqual(states, [end])
    })
  }

  test('handled, when its turn waited, was retried, waited again and ended', () => {
    const states = allowed((space) => {
      const id = sent(space)
      for (const end of ['waiting', 'retry', 'waiting', 'handled'] as const) space.turn(id, end)
      return id
    })
    assert.deepEqual(states, ['handled'])
  })

  for (const as of ['expired', 'cancelled'] as const) {
    test(`${as} or undoing its work, when it was settled so from outside`, () => {
      for (const waits of [false, true]) {
        const states = allowed((space) => {
          const id = sent(space)
          if (waits) space.turn(id, 'waiting')
          settle(space, id, as)
          return id
        })
        assert.deepEqual(states, ['cancelling', as])
      }
    })

    test(`as it ended, when it undid its work after it was ${as} from outside`, () => {
      for (const end of ['cancelled', 'dead', 'expired'] as const) {
        const states = allowed((space) => {
          const id = sent(space)
          settle(space, id, as)
          space.turn(id, end)
          return id
        })
        assert.deepEqual(states, [end])
      }
    })
  }

  test('as it was, when it had ended before it was settled', () => {
    for (const end of ['handled', 'expired', 'cancelled'] as const) {
      for (const as of ['handled', 'expired', 'cancelled', 'queued'] as const) {
        const states = allowed((space) => {
          const id = sent(space)
          space.turn(id, end)
          settledHere(space)
          settle(space, id, as)
          return id
        })
        assert.deepEqual(states, [end])
      }
    }
  })

  test('not ended again, when an operator takes up a dead letter, and cancelled, when he drops it', () => {
    const after = (as: 'queued' | 'cancelled' | 'expired' | 'handled'): MessageState[] =>
      allowed((space) => {
        const id = sent(space)
        space.turn(id, 'dead')
        settledHere(space)
        settle(space, id, as)
        if (as === 'cancelled') settledHere(space)
        return id
      })
    assert.deepEqual(after('queued'), ['scheduled', 'queued', 'delivered'])
    assert.deepEqual(after('cancelled'), ['cancelled'])
    assert.deepEqual(after('expired'), ['dead'])
    assert.deepEqual(after('handled'), ['dead'])
  })

  test('not ended, when an operator takes up what is no dead letter, and handled, when it is settled so', () => {
    for (const waits of [false, true]) {
      const after = (as: 'queued' | 'handled'): MessageState[] =>
        allowed((space) => {
          const id = sent(space)
          if (waits) space.turn(id, 'waiting')
          settle(space, id, as)
          return id
        })
      assert.deepEqual(after('queued'), waits ? ['waiting'] : ['scheduled', 'queued', 'delivered'])
      assert.deepEqual(after('handled'), ['handled'])
    }
  })

  test('in another state than the store, in words that a person understands', () => {
    const reason = (
      write: (space: Space) => string,
      state: MessageState,
      settledAt: number | null,
    ): string => {
      const space = new Space()
      space.leave(write(space), state, settledAt)
      return verifyAll(space).fault?.reason.replace(/msg_\d+/, 'm') ?? ''
    }
    const said = 'the store has the message m as'
    assert.equal(reason(sent, 'handled', 2), `${said} "handled", and by the log it is not ended`)
    assert.equal(
      reason(sent, 'queued', 2),
      `${said} ended by the record at 2, and by the log it is not ended`,
    )
    const handled = (space: Space): string => {
      const id = sent(space)
      space.turn(id, 'handled')
      return id
    }
    assert.equal(reason(handled, 'dead', 3), `${said} "dead", and by the log it is "handled"`)
    assert.equal(
      reason(handled, 'handled', null),
      `${said} ended by no record, and by the log it is "handled"`,
    )
    const expired = (space: Space): string => {
      const id = sent(space)
      settle(space, id, 'expired')
      return id
    }
    const undoing = `${said} "queued", and by the log it is "expired" or undoing its work`
    assert.equal(reason(expired, 'queued', null), undoing)
    const reply = (space: Space): string => {
      const [question = ''] = space.turn(sent(space), 'waiting', {}, [{ to: 'bob', kind: 'ask' }])
      return space.turn(question, 'handled', {}, [{ to: 'alice', kind: 'reply', re: question }])[0] ?? ''
    }
    const waiting = `${said} "handled", and by the log it is a reply that nobody has taken yet`
    assert.equal(reason(reply, 'handled', 4), waiting)
  })

  test('handled, when it was taken up again and then handled', () => {
    const states = allowed((space) => {
      const id = sent(space)
      space.turn(id, 'dead')
      settle(space, id, 'queued')
      space.turn(id, 'handled')
      return id
    })
    assert.deepEqual(states, ['handled'])
  })

  test('ended by the record that ended it, and by no other', () => {
    const space = new Space()
    const id = sent(space)
    space.turn(id, 'handled')
    assert.equal(verifyAll(space).ok, true)
    for (const at of [null, space.position - 1, space.position + 1]) {
      space.leave(id, 'handled', at)
      const { fault } = verifyAll(space)
      assert.match(fault?.reason ?? '', /as ended by/)
      assert.equal(fault?.position, space.position)
    }
  })
})

suite('the log says that a reply is', () => {
  /** Alice asks bob in her turn, and bob answers. */
  function answered(space: Space): string {
    const id = sent(space)
    const [question = ''] = space.turn(id, 'waiting', {}, [{ to: 'bob', kind: 'ask' }])
    return space.turn(question, 'handled', {}, [{ to: 'alice', kind: 'reply', re: question }])[0] ?? ''
  }

  test('there, until it is taken, and ended after that', () => {
    assert.deepEqual(allowed(answered), ['answered'])
    for (const as of ['handled', 'expired', 'cancelled'] as const) {
      const states = allowed((space) => {
        const id = answered(space)
        settle(space, id, as)
        return id
      })
      assert.deepEqual(states, [as])
    }
  })

  test('handled at once, when it went to a client', () => {
    const states = allowed((space) => {
      const id = sent(space)
      const [reply = ''] = space.turn(id, 'handled', {}, [{ to: 'client/1', kind: 'reply', re: id }])
      return reply
    })
    assert.deepEqual(states, ['handled'])
  })

  test('left, when the one who asked is not cancelled, and cancelled, when he is', () => {
    const cancelled = (target: (space: Space) => string): MessageState[] =>
      allowed((space) => {
        const id = answered(space)
        const cancels = target(space)
        space.write({ author: 'client/1', kind: 'cancel', cancels })
        for (const { envelope, state } of space.messages) {
          if (state === 'waiting' && cancels !== messageId(2)) space.leave(envelope.id, 'cancelled')
        }
        return id
      })
    assert.deepEqual(
      cancelled(() => messageId(2)),
      ['answered'],
    )
    assert.deepEqual(
      cancelled(() => messageId(1)),
      ['cancelled'],
    )
  })
})

suite('a cancel reaches', () => {
  /** m1 causes m2 and m3; m2 causes m4; m5 is of another trace, and m6 of the same trace but of no cause. */
  function tree(): Space {
    const space = new Space()
    const [root = ''] = space.send('client/1', [{ to: 'alice' }])
    const [child = ''] = space.turn(root, 'waiting', {}, [{ to: 'bob' }, { to: 'bob/2' }])
    space.turn(child, 'handled', {}, [{ to: 'alice/4' }])
    space.send('client/1', [{ to: 'bob', trace: 'b'.repeat(32) }])
    space.send('client/1', [{ to: 'bob' }])
    return space
  }

  const targets: readonly (readonly [string, string, readonly number[]])[] = [
    ['a message and what it caused, through what has ended', messageId(1), [1, 3, 4]],
    ['the same by the turn', turnOf(messageId(1)), [1, 3, 4]],
    ['what a message that has ended caused', messageId(2), [4]],
    ['a message that caused nothing', messageId(3), [3]],
    ['a trace, with what nothing in it caused', 'a'.repeat(32), [1, 3, 4, 6]],
    ['another trace', 'b'.repeat(32), [5]],
    ['nothing, when it names nothing', messageId(99), []],
    ['nothing of an unknown trace', 'c'.repeat(32), []],
  ]
  for (const [name, cancels, reached] of targets) {
    test(name, () => {
      const space = tree()
      space.write({ author: 'client/1', kind: 'cancel', cancels })
      for (const number of reached) space.leave(messageId(number), 'cancelled')
      assert.equal(verifyAll(space).fault, undefined)
      for (const number of [1, 3, 4, 5, 6]) {
        const changed = tree()
        changed.write({ author: 'client/1', kind: 'cancel', cancels })
        for (const each of reached) if (each !== number) changed.leave(messageId(each), 'cancelled')
        if (!reached.includes(number)) changed.leave(messageId(number), 'cancelled')
        assert.match(
          verifyAll(changed).fault?.reason ?? '',
          new RegExp(`the store has the message ${messageId(number)} as`),
        )
      }
    })
  }

  test('the same by a settle, when the message is open, and that message alone when it is not', () => {
    for (const [given, reached] of [
      [1, [1, 3, 4]],
      [2, []],
      [3, [3]],
    ] as const) {
      const settled = (): Space => {
        const space = tree()
        space.write({
          author: 'client/1',
          kind: 'settle',
          settles: [{ as: 'cancelled', id: messageId(given) }],
        })
        return space
      }
      const space = settled()
      for (const number of reached) space.leave(messageId(number), 'cancelled')
      assert.equal(verifyAll(space).fault, undefined)
      for (const number of [1, 3, 4, 5, 6]) {
        const changed = settled()
        for (const each of reached) if (each !== number) changed.leave(messageId(each), 'cancelled')
        if (!reached.some((each) => each === number)) changed.leave(messageId(number), 'cancelled')
        assert.match(
          verifyAll(changed).fault?.reason ?? '',
          new RegExp(`the message ${messageId(number)} as`),
        )
      }
    }
  })

  test('nothing that is sent after it', () => {
    const space = tree()
    space.write({ author: 'client/1', kind: 'cancel', cancels: 'a'.repeat(32) })
    for (const number of [1, 3, 4, 6]) space.leave(messageId(number), 'cancelled')
    space.send('client/1', [{ to: 'bob' }])
    assert.equal(verifyAll(space).fault, undefined)
  })

  test('no dead letter', () => {
    const space = tree()
    space.turn(messageId(3), 'dead')
    const at = space.position
    space.write({ author: 'client/1', kind: 'cancel', cancels: messageId(1) })
    for (const number of [1, 4]) space.leave(messageId(number), 'cancelled')
    assert.equal(verifyAll(space).fault, undefined)
    assert.equal(space.row(messageId(3)).settledAt, at)
  })
})

suite('a turn is refused', () => {
  test('when its message has ended, however it ended', () => {
    for (const first of ['handled', 'dead', 'expired', 'cancelled'] as const) {
      for (const second of [
        'handled',
        'waiting',
        'retry',
        'dead',
        'expired',
        'cancelled',
      ] satisfies TurnEnd[]) {
        refused(
          (space) => {
            const id = sent(space)
            space.turn(id, first)
            space.turn(id, second)
          },
          new RegExp(`was already ${first} by the record at position 3`),
        )
      }
    }
  })

  test('when its message was stopped from outside, and it went on', () => {
    for (const end of ['handled', 'waiting', 'retry'] as const) {
      for (const as of ['expired', 'cancelled'] as const) {
        refused((space) => {
          const id = sent(space)
          settle(space, id, as)
          space.turn(id, end)
        }, /was stopped by the record at position 3, and its turn went on/)
      }
      refused((space) => {
        const id = sent(space)
        space.write({ author: 'client/1', kind: 'cancel', cancels: 'a'.repeat(32) })
        space.turn(id, end)
      }, /was stopped by the record at position 3/)
    }
  })

  const turn = (change: object): ((space: Space) => void) => {
    return (space) => {
      const id = sent(space)
      const message = { id, sha256: space.row(id).hash }
      const part = { attempt: 1, end: 'handled', id: turnOf(id), message, segment: 0, ...change } as const
      space.write({ author: 'alice', kind: 'turn', turn: part })
    }
  }

  test('when it handles what nobody sent, or another text than was sent', () => {
    const sha256 = crypto.sha256('x')
    const unknown = { id: turnOf(messageId(9)), message: { id: messageId(9), sha256 } }
    refused(turn(unknown), /handles the message .*, which no earlier record sent/)
    refused(turn({ message: { id: messageId(1), sha256 } }), /it handles another message/)
    refused(turn({ id: turnOf(messageId(2)) }), /its turn turn_.* is not the one of the message/)
  })

  test('when it handles a message that was sent to another', () => {
    for (const author of ['bob', 'alice/1', 'client/1']) {
      refused((space) => {
        const id = sent(space)
        const message = { id, sha256: space.row(id).hash }
        const part = { attempt: 1, end: 'handled', id: turnOf(id), message, segment: 0 } as const
        space.write({ author, kind: 'turn', turn: part })
      }, /which was sent to "alice"/)
    }
  })

  test('when it handles a message that the same record sends', () => {
    refused((space) => {
      const mail = space.message('alice', { to: 'alice', id: messageId(1) })
      const message = { id: messageId(1), sha256: mail.hash }
      const part = { attempt: 1, end: 'handled', id: turnOf(messageId(1)), message, segment: 0 } as const
      space.write({ author: 'alice', kind: 'turn', turn: part, sends: [message] })
    }, /which no earlier record sent/)
  })

  test('when it handles a reply', () => {
    refused((space) => {
      const id = sent(space)
      const [question = ''] = space.turn(id, 'waiting', {}, [{ to: 'bob', kind: 'ask' }])
      const [reply = ''] = space.turn(question, 'handled', {}, [{ to: 'alice', kind: 'reply', re: question }])
      space.turn(reply, 'handled')
    }, /handles the reply .* in a turn of its own/)
  })

  test('when it settles what nobody sent', () => {
    refused(
      (space) => settle(space, messageId(5), 'expired'),
      /settles the message .*, which no earlier record sent/,
    )
  })
})

test('states are not compared while the log grows', () => {
  const space = new Space()
  const id = sent(space)
  space.leave(id, 'waiting', null)
  assert.equal(verifyAll(space).ok, false)
  const report = verifyAll(space, {}, { live: true })
  assert.equal(report.ok, true)
  assert.equal(report.statesCompared, false)
})

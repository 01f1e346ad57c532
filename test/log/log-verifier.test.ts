import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { canonicalize } from '../../src/core/json.ts'
import { turnOf } from '../../src/core/ids.ts'
import { envelopeText } from '../../src/core/message.ts'
import type { RecordBody } from '../../src/core/record.ts'
import { LogVerifier, type LogReport } from '../../src/log/log-verifier.ts'
import { makeCertificate, verifyCertificate } from '../../src/voting/certificate.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, seal, Space, type Said } from '../helpers/log.ts'
import { feed, verifyAll } from '../helpers/verify-log.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

/** Where the story's records are. */
const ASKED = 2
const WAITING = 3
const ANSWERED = 4
const ENDED = 5

/**
 * A client asks alice, who notes a step, asks bob, decides with him, notes an event and answers. A second
 * client's message to bob fails, is retried, dies, and is dropped.
 */
function story(): Space {
  const space = new Space()
  const [question = ''] = space.send('client/1', [{ to: 'alice', kind: 'ask' }])
  const first = space.chunk(question, [{ t: 'call', i: 0 }])
  const waiting = { epoch: 1, journal: [first], reads: [{ stream: 'ledger', version: 0 }] }
  const [inner = ''] = space.turn(question, 'waiting', waiting, [{ to: 'bob', kind: 'ask' }])
  const reply = { to: 'alice', kind: 'reply', re: inner, body: '"yes"' } as const
  const [answer = ''] = space.turn(
    inner,
    'handled',
    { epoch: 1, events: [space.event('ledger', { paid: 5 })] },
    [reply],
  )
  const second = space.chunk(question, [{ t: 'done', i: 0 }])
  const proposal = proposalOf(2, { space: space.id, decision: 'decision_1' })
  const ballots = ['alice', 'bob'].map((member) => castBy(member, proposal, 'yes'))
  const certificate = canonicalize(makeCertificate(crypto, proposal, ballots, 9))
  const hash = crypto.sha256(certificate)
  space.turn(
    question,
    'handled',
    {
      decisions: [{ id: 'decision_1', sha256: hash }],
      epoch: 2,
      events: [
        space.event('ledger', { paid: 7 }),
        space.event('ledger', { paid: 9 }),
        space.event('other', 1),
      ],
      journal: [second],
      reads: [
        { stream: 'ledger', version: 1 },
        { stream: '@agents', version: 2 },
      ],
      settles: [{ as: 'handled', id: answer }],
    },
    [{ to: 'client/1', kind: 'reply', re: question }],
  )
  space.decisions.push({ id: 'decision_1', hash, certificate, position: space.position })
  space.leave(answer, 'handled')
  const [second_ = ''] = space.send('client/2', [{ to: 'bob', trace: 'b'.repeat(32) }])
  space.turn(second_, 'retry')
  space.turn(second_, 'dead')
  space.write({ author: 'client/2', kind: 'settle', settles: [{ as: 'cancelled', id: second_ }] })
  space.leave(second_, 'cancelled')
  return space
}

function faultOf(report: LogReport): {
  readonly position: number
  readonly author: string
  readonly reason: string
} {
  assert.equal(report.ok, false)
  assert.ok(report.fault)
  assert.ok(report.faults >= 1)
  return report.fault
}

/** A spoiled story must be found out, at the position and for the reason. */
function spoiled(spoil: (space: Space) => void, position: number, reason: RegExp): void {
  const space = story()
  spoil(space)
  const fault = faultOf(verifyAll(space))
  assert.match(fault.reason, reason)
  assert.equal(fault.position, position)
  assert.equal(fault.author, space.records[position]?.author)
}

/** Writes one more record to the story; the log must be refused for it. */
function refused(said: Said | ((space: Space) => Said), reason: RegExp): void {
  const space = story()
  space.write(typeof said === 'function' ? said(space) : said)
  const fault = faultOf(verifyAll(space))
  assert.match(fault.reason, reason)
  assert.equal(fault.position, space.position)
}

/** Changes one text in a list. */
function change<T>(items: T[], index: number, with_: Partial<T>): void {
  const item = items[index]
  assert.ok(item !== undefined)
  items[index] = { ...item, ...with_ }
}

suite('a log verifies', () => {
  test('from its first record to its last, with all that belongs to it', () => {
    const space = story()
    const report = verifyAll(space)
    assert.deepEqual(report, {
      ok: true,
      fault: undefined,
      faults: 0,
      checked: { records: 10, messages: 5, events: 4, chunks: 2, decisions: 1 },
      space: space.id,
      owner: keyPairOf(OWNER).publicKey,
      position: 9,
      statesCompared: true,
    })
  })

  test('for the owner and the space that the caller knows, and for no other', () => {
    const space = story()
    const owner = keyPairOf(OWNER).publicKey
    assert.equal(verifyAll(space, { owner, space: space.id }).ok, true)
    const foreign = faultOf(verifyAll(space, { owner: keyPairOf('eve').publicKey }))
    assert.deepEqual([foreign.position, foreign.reason], [0, 'the space belongs to another owner'])
    const other = faultOf(verifyAll(space, { space: crypto.sha256('x') }))
    assert.deepEqual([other.position, other.reason], [0, 'it is the genesis of another space'])
  })

  test('when its owner’s key was rotated, for the key that it began with', () => {
    const space = story()
    const second = keyPairOf('second')
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf(OWNER, second)] })
    space.keys.set(OWNER, second)
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('carol')] })
    assert.equal(verifyAll(space, { owner: keyPairOf(OWNER).publicKey }).ok, true)
    assert.equal(verifyAll(space, { owner: second.publicKey }).ok, false)
  })

  test('when a detail was erased', () => {
    const space = story()
    space.write({ author: 'alice', kind: 'send' }, '{"note":"private"}')
    assert.equal(verifyAll(space).ok, true)
    change(space.records, space.position, { detail: null })
    assert.equal(verifyAll(space).ok, true)
  })

  test('when a key was rotated in the middle of a turn, journal and all', () => {
    const space = new Space()
    const [id = ''] = space.send('client/1', [{ to: 'alice' }])
    const first = space.chunk(id, ['before'])
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', keyPairOf('second'))] })
    space.keys.set('alice', keyPairOf('second'))
    space.turn(id, 'handled', { journal: [first, space.chunk(id, ['after'])] })
    assert.equal(verifyAll(space).fault, undefined)
  })

  test('when a worker stopped before the record that would have listed its chunk', () => {
    const space = new Space()
    const [id = ''] = space.send('client/1', [{ to: 'alice' }])
    space.chunk(id, ['of the worker that stopped'])
    space.turn(id, 'waiting', { journal: [space.chunk(id, ['of the next one'])] })
    space.chunk(id, ['of a turn that goes on'])
    const report = verifyAll(space)
    assert.equal(report.fault, undefined)
    assert.equal(report.checked.chunks, 3)
  })

  test('when there is nothing but a genesis', () => {
    assert.equal(verifyAll(new Space([])).ok, true)
  })

  test('as empty when there is nothing at all, and then tells that by its position', () => {
    const report = new LogVerifier(crypto, { checkCertificate: verifyCertificate }).finish()
    assert.deepEqual([report.position, report.space, report.checked.records], [-1, '', 0])
  })
})

suite('a record is found out', () => {
  for (let position = 0; position < 10; position++) {
    test(`when a character of its body is changed, at position ${position}`, () => {
      spoiled(
        (space) => {
          const { body = '' } = space.records[position] ?? {}
          change(space.records, position, { body: body.replace('"at":', '"at":9') })
        },
        position,
        /its hash is not that of its body/,
      )
    })

    test(`when another signature is put under it, at position ${position}`, () => {
      spoiled(
        (space) => {
          const { proof } = space.records[position] ?? {}
          const other = space.records[(position + 1) % 10]
          assert.ok(proof && other)
          change(space.records, position, { proof: { ...proof, signature: other.proof.signature } })
        },
        position,
        /its signature is not valid/,
      )
    })

    test(`when it is taken out, at position ${position}`, () => {
      const space = story()
      space.records.splice(position, 1)
      const fault = faultOf(verifyAll(space))
      const next = space.records[position]
      if (next !== undefined) {
        assert.equal(fault.position, next.position)
        assert.equal(fault.reason, `the record at position ${position} is missing`)
      }
    })
  }

  test('when two of them change places', () => {
    spoiled(
      (space) => {
        const [a, b] = [space.records[WAITING], space.records[ANSWERED]]
        assert.ok(a && b)
        space.records[WAITING] = { ...b, position: WAITING }
        space.records[ANSWERED] = { ...a, position: ANSWERED }
      },
      WAITING,
      // bob handles what alice has not yet sent.
      /which no earlier record sent/,
    )
  })

  test('when it is left out and the others are numbered anew', () => {
    const space = story()
    space.records.splice(WAITING, 1)
    space.messages.splice(1, 1)
    for (const [index, record] of space.records.entries())
      change(space.records, index, { ...record, position: index })
    const fault = faultOf(verifyAll(space))
    assert.equal(fault.position, WAITING)
  })

  test('when the first is not the genesis of a space', () => {
    const space = story()
    space.records.splice(0, 2)
    assert.match(faultOf(verifyAll(space)).reason, /does not begin with the genesis/)
    const other = new Space([])
    other.records.shift()
    other.write({ author: 'alice', kind: 'send' })
    assert.match(faultOf(verifyAll(other)).reason, /does not begin with the genesis/)
  })

  test('when an author’s record is missing before it', () => {
    refused(
      (space) => ({ author: 'bob', kind: 'send', seq: space.body({ author: 'bob', kind: 'send' }).seq + 1 }),
      /the record number 3 of its author is missing/,
    )
  })

  test('when it does not follow the record of its author before it', () => {
    refused(
      { author: 'bob', kind: 'send', prev: crypto.sha256('x') },
      /does not follow the record of its author/,
    )
    refused(
      (space) => ({ author: 'bob', kind: 'send', prev: space.records[ENDED]?.hash ?? '' }),
      /does not follow/,
    )
  })

  test('when it is an earlier one once more', () => {
    const space = story()
    const earlier = space.records.find(({ author }) => author === 'client/2')
    assert.ok(earlier)
    space.records.push({ ...earlier, position: space.records.length })
    const fault = faultOf(verifyAll(space))
    assert.match(fault.reason, /it is the record at position 6 once more/)
    assert.equal(fault.position, 10)
  })

  test('when its author signed two different ones with one number, which are shown as the proof', () => {
    for (const author of ['alice', 'bob', 'client/2', OWNER]) {
      const space = story()
      const first = space.records.findLast((record) => record.author === author)
      assert.ok(first)
      const place = { seq: first.seq, prev: first.prev }
      const kind = author === OWNER ? 'agents' : 'send'
      const [second] = seal([space.body({ author, kind, ...place })], space.records.length, [])
      assert.ok(second)
      space.records.push(second)
      const { fault } = verifyAll(space)
      assert.ok(fault)
      assert.equal(fault.position, 10)
      assert.equal(fault.author, author)
      assert.match(fault.reason, /signed two different records with number/)
      assert.deepEqual(fault.hashes, [first.hash, second.hash])
    }
  })

  test('when it was written under an older epoch than one before it', () => {
    refused({ author: 'alice', kind: 'send', epoch: 1 }, /under epoch 1, after a record of epoch 2/)
  })

  test('when its key was revoked, or is another agent’s', () => {
    const space = story()
    space.write({ author: OWNER, kind: 'agents', revokes: [{ key: keyPairOf('bob').id, reason: 'r' }] })
    space.write({ author: 'bob', kind: 'send' })
    const fault = faultOf(verifyAll(space))
    assert.deepEqual([fault.position, fault.author], [11, 'bob'])
    assert.match(fault.reason, /is not valid at this position/)
    const other = story()
    other.keys.set('bob', keyPairOf('alice'))
    other.write({ author: 'bob', kind: 'send' })
    assert.match(faultOf(verifyAll(other)).reason, /it is signed with the key of "alice"/)
  })

  test('when it was signed for another space', () => {
    refused({ author: 'bob', kind: 'send', space: crypto.sha256('x') }, /it belongs to another space/)
  })

  test('when it acted on an older or a newer version of a stream than there was', () => {
    for (const [stream, version] of [
      ['ledger', 2],
      ['ledger', 4],
      ['nothing', 1],
      ['@agents', 1],
      ['@agents', 3],
    ] as const) {
      refused(
        { author: 'bob', kind: 'send', reads: [{ stream, version }] },
        /it acted on version \d of the stream/,
      )
    }
  })

  test('and nothing behind it is looked at', () => {
    const space = story()
    change(space.records, 4, { hash: crypto.sha256('x') })
    change(space.records, 7, { hash: crypto.sha256('x') })
    const report = verifyAll(space)
    assert.equal(report.faults, 1)
    assert.equal(report.position, 3)
    assert.equal(report.checked.records, 4)
    assert.equal(report.statesCompared, false)
  })
})

suite('a message is found out', () => {
  test('when its payload, its envelope or its hash is changed', () => {
    const changes: readonly ((space: Space) => void)[] = [
      (space) => change(space.messages, 0, { payload: '"hellO"' }),
      (space) => change(space.messages, 0, { hash: crypto.sha256('x') }),
      (space) => change(space.messages, 0, { text: '' }),
      (space) => {
        const [row] = space.messages
        assert.ok(row)
        const envelope = { ...row.envelope, to: 'bob' }
        const text = envelopeText(envelope)
        change(space.messages, 0, { envelope, text, hash: crypto.sha256(text) })
      },
    ]
    for (const spoil of changes) spoiled(spoil, ASKED, /./)
  })

  test('when the store lacks it', () => {
    for (const [index, position] of [
      [0, ASKED],
      [1, WAITING],
      [2, ANSWERED],
      [3, ENDED],
      [4, 6],
    ] as const) {
      spoiled((space) => space.messages.splice(index, 1), position, /the store lacks the message msg_/)
    }
  })

  test('when the last record’s is missing', () => {
    const space = story()
    space.send('client/2', [{ to: 'bob' }])
    space.messages.pop()
    const fault = faultOf(verifyAll(space))
    assert.deepEqual([fault.position, fault.author], [10, 'client/2'])
  })

  test('when no record lists it', () => {
    spoiled(
      (space) =>
        space.messages.push({ ...space.row(space.messages[0]?.envelope.id ?? ''), ...made(space, ASKED) }),
      ASKED,
      /"client\/1" did not sign it in this record/,
    )
  })

  test('when the store has it twice', () => {
    spoiled(
      (space) => {
        const [row] = space.messages
        assert.ok(row)
        space.messages.unshift(row)
      },
      ASKED,
      /the store has the message .* twice/,
    )
  })

  test('when it is stored at the position of another record', () => {
    for (const position of [0, 1, 3, 9]) {
      const space = story()
      change(space.messages, 0, { position })
      assert.equal(verifyAll(space).ok, false)
    }
    const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
    const space = story()
    const [row] = space.messages
    assert.ok(row)
    assert.equal(verifier.message(row), false)
    assert.match(faultOf(verifier.finish()).reason, /where no record sent it/)
  })

  test('when a second record lists it, or one record twice', () => {
    refused((space) => {
      const [row] = space.messages
      assert.ok(row)
      return { author: 'bob', kind: 'send', sends: [{ id: row.envelope.id, sha256: row.hash }] }
    }, /which is listed before/)
    const one = { id: 'msg_77', sha256: crypto.sha256('x') }
    refused(
      { author: 'bob', kind: 'send', sends: [one, one] },
      /lists the message msg_77, which is listed before/,
    )
  })

  test('when no message at all is of the form of one', () => {
    for (const envelope of [null, undefined, 7]) {
      spoiled(
        (space) => change(space.messages, 0, { envelope: envelope as never }),
        ASKED,
        /its envelope is malformed/,
      )
    }
  })
})

/** A message that alice's client never signed. */
function made(space: Space, position: number): ReturnType<Space['message']> {
  return { ...space.message('client/1', { to: 'alice', id: 'msg_999' }), position }
}

suite('an event is found out', () => {
  const events: readonly (readonly [string, number, number])[] = [
    ['ledger', 0, ANSWERED],
    ['ledger', 1, ENDED],
    ['ledger', 2, ENDED],
    ['other', 0, ENDED],
  ]
  for (const [stream, index, position] of events) {
    const spoil = (
      with_: (list: Space['events'] extends Map<string, infer L> ? L : never) => void,
      reason: RegExp,
    ): void => spoiled((space) => with_(space.events.get(stream) ?? []), position, reason)

    test(`when its content is changed: ${stream} ${index + 1}`, () => {
      spoil((list) => change(list, index, { data: '{"paid":6}' }), /is not what it appended/)
      const data = '{"paid":6}'
      spoil((list) => change(list, index, { data, hash: crypto.sha256(data) }), /is not what it appended/)
      spoil((list) => change(list, index, { type: 'refunded' }), /is not what it appended/)
      spoil((list) => change(list, index, { version: 9 }), /is not what it appended/)
      spoil((list) => change(list, index, { position: 9 }), /is not what it appended/)
      spoil((list) => change(list, index, { stream: 'x' }), /is not what it appended/)
    })

    test(`when it and all after it are missing: ${stream} ${index + 1}`, () => {
      spoil((list) => list.splice(index), /the store lacks event/)
    })
  }

  test('when one is taken out of the middle, or two change places', () => {
    spoiled((space) => space.events.get('ledger')?.splice(1, 1), ENDED, /is not what it appended/)
    spoiled(
      (space) => space.events.set('ledger', (space.events.get('ledger') ?? []).toReversed()),
      ANSWERED,
      /is not what it appended/,
    )
  })

  test('when there is one more than the records list', () => {
    spoiled(
      (space) => space.event('ledger', { paid: 1 }),
      9,
      /event 4 of the stream "ledger", which no record lists/,
    )
  })

  test('when nobody shows its stream', () => {
    const space = story()
    const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
    for (const record of space.records) {
      verifier.record(record)
      for (const row of space.messages) if (row.position === record.position) verifier.message(row)
    }
    assert.deepEqual([...verifier.streams()], ['ledger', 'other'])
    assert.deepEqual([...verifier.turns()], [turnOf(space.messages[0]?.envelope.id ?? '')])
    const report = verifier.finish()
    assert.equal(report.faults, 4)
    assert.match(faultOf(report).reason, /lacks the journal/)
  })

  test('when a record appends it at another version than the next', () => {
    const said = (version: number): Said => ({
      author: 'bob',
      kind: 'send',
      events: [{ sha256: crypto.sha256('1'), stream: 'ledger', type: 'noted', version }],
    })
    for (const version of [0, 3, 5])
      refused(said(version), /appends version \d to the stream "ledger", which was at 3/)
  })
})

suite('a journal is found out', () => {
  const chunks = (
    space: Space,
  ): { text: string; hash: string; signature: string; turn: string; chunk: number }[] => {
    const [list] = space.chunks.values()
    assert.ok(list)
    return list
  }

  test('when a chunk is changed', () => {
    for (const [index, position] of [
      [0, WAITING],
      [1, ENDED],
    ] as const) {
      spoiled(
        (space) => change(chunks(space), index, { text: '{}' }),
        position,
        /its text does not have its hash/,
      )
      spoiled((space) => change(chunks(space), index, { chunk: 5 }), position, /another turn or number/)
      spoiled(
        (space) => change(chunks(space), index, { signature: chunks(space)[1 - index]?.signature ?? '' }),
        position,
        /not signed with a key of "alice"/,
      )
    }
  })

  test('when a chunk is missing', () => {
    spoiled((space) => chunks(space).splice(0), WAITING, /lacks a chunk of the journal/)
    spoiled((space) => chunks(space).splice(1), ENDED, /lacks a chunk of the journal/)
    spoiled((space) => chunks(space).splice(0, 1), WAITING, /its chunk is 1 and should be 0/)
  })

  test('when another chunk was signed in the place of one that a record lists', () => {
    const space = story()
    const [row] = space.messages
    assert.ok(row)
    space.chunks.clear()
    space.chunk(row.envelope.id, ['another story'])
    const fault = faultOf(verifyAll(space))
    assert.match(fault.reason, /lacks a chunk of the journal/)
    assert.equal(fault.position, WAITING)
  })

  test('when the key that signed it was revoked before it was listed', () => {
    const space = new Space()
    const [id = ''] = space.send('client/1', [{ to: 'alice' }])
    const hash = space.chunk(id, ['planted'])
    const second = keyPairOf('second')
    const revokes = [{ key: keyPairOf('alice').id, reason: 'stolen' }]
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', second)], revokes })
    space.keys.set('alice', second)
    space.turn(id, 'handled', { journal: [hash] })
    const fault = faultOf(verifyAll(space))
    assert.match(fault.reason, /not signed with a key of "alice"/)
    assert.equal(fault.position, 4)
  })

  test('when a record lists a chunk twice, or is of no turn', () => {
    const hash = crypto.sha256('x')
    refused({ author: 'bob', kind: 'send', journal: [hash] }, /it lists a journal, and is of no turn/)
    const space = new Space()
    const [id = ''] = space.send('client/1', [{ to: 'alice' }])
    space.turn(id, 'handled', { journal: [hash, hash] })
    assert.match(faultOf(verifyAll(space)).reason, /which is listed before/)
  })
})

suite('a decision is found out', () => {
  const other = (space: Space, changes: object = {}, voters = ['alice', 'bob']): string => {
    const proposal = proposalOf(2, { space: space.id, decision: 'decision_1', ...changes })
    const ballots = voters.map((member) => castBy(member, proposal, 'yes'))
    return canonicalize(makeCertificate(crypto, proposal, ballots, 9))
  }

  test('when its certificate is changed, though it may be a valid one', () => {
    spoiled(
      (space) => change(space.decisions, 0, { certificate: other(space, { question: '?' }) }),
      ENDED,
      /is not what it recorded/,
    )
    spoiled(
      (space) => {
        const certificate = other(space, { question: '?' })
        change(space.decisions, 0, { certificate, hash: crypto.sha256(certificate) })
      },
      ENDED,
      /is not what it recorded/,
    )
    spoiled((space) => change(space.decisions, 0, { position: 3 }), ENDED, /is not what it recorded/)
  })

  test('when the store lacks it, has it twice, or has one that no record lists', () => {
    spoiled((space) => space.decisions.pop(), ENDED, /lacks the certificate of the decision decision_1/)
    spoiled((space) => space.decisions.push(...space.decisions), 9, /which no record lists/)
    spoiled((space) => change(space.decisions, 0, { id: 'decision_2' }), ENDED, /lacks the certificate/)
  })

  /** A log in which alice has recorded this certificate. */
  function recorded(
    certificate: (space: Space) => string,
    before: (space: Space) => void = () => undefined,
  ): LogReport {
    const space = new Space()
    before(space)
    const text = certificate(space)
    const hash = crypto.sha256(text)
    space.write({ author: 'alice', kind: 'send', decisions: [{ id: 'decision_1', sha256: hash }] })
    space.decisions.push({ id: 'decision_1', hash, certificate: text, position: space.position })
    return verifyAll(space)
  }

  test('when the certificate that was recorded does not hold', () => {
    assert.equal(recorded((space) => other(space)).ok, true)
    const cases: readonly (readonly [(space: Space) => string, RegExp])[] = [
      [() => '{', /is not canonical JSON/],
      [(space) => ` ${other(space)}`, /is not canonical JSON/],
      [() => '{}', /missing or unknown keys/],
      [(space) => other(space).replace('"outcome":"yes"', '"outcome":"no"'), /outcome/],
      [(space) => other(space, { space: 'elsewhere' }), /its certificate is of another space/],
      [(space) => other(space, { decision: 'decision_2' }), /its certificate is that of "decision_2"/],
      [(space) => other(space, { electorate: proposalOf(3).electorate }), /is not trusted/],
    ]
    for (const [certificate, reason] of cases) {
      const fault = faultOf(recorded(certificate))
      assert.match(fault.reason, reason)
      assert.equal(fault.position, 2)
    }
  })

  test('when a member’s key was revoked before, and not when it was rotated', () => {
    const revokes = [{ key: keyPairOf('bob').id, reason: 'stolen' }]
    const revoked = recorded(other, (space) => space.write({ author: OWNER, kind: 'agents', revokes }))
    assert.match(faultOf(revoked).reason, /is not trusted/)
    const agents = [entryOf('bob', keyPairOf('second'))]
    assert.equal(
      recorded(other, (space) => space.write({ author: OWNER, kind: 'agents', agents })).fault,
      undefined,
    )
  })

  test('when a second record lists it', () => {
    refused(
      { author: 'bob', kind: 'send', decisions: [{ id: 'decision_1', sha256: crypto.sha256('x') }] },
      /listed before/,
    )
  })
})

suite('the report', () => {
  test('tells the first fault by position, whatever was found first', () => {
    const space = story()
    change(space.records, 8, { hash: crypto.sha256('x') })
    const first = faultOf(verifyAll(space))
    assert.equal(first.position, 8)
    space.decisions.pop()
    space.decisions.push({ id: 'decision_1', hash: crypto.sha256('x'), certificate: 'x', position: ENDED })
    assert.equal(faultOf(verifyAll(space)).position, ENDED)
    change(space.events.get('ledger') ?? [], 0, { data: 'x' })
    const report = verifyAll(space)
    assert.equal(faultOf(report).position, ANSWERED)
    assert.equal(report.faults, 3)
  })

  test('blames nothing that lies behind a bad record', () => {
    const space = story()
    change(space.records, WAITING, { hash: crypto.sha256('x') })
    const report = verifyAll(space)
    assert.equal(report.faults, 1)
    const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
    feed(space, verifier)
    assert.equal(verifier.stream('ledger', space.events.get('ledger') ?? []), true)
    assert.equal(verifier.journal('turn_1', []), true)
    assert.equal(verifier.record(space.records[WAITING + 1] as never), false)
    assert.equal(verifier.message(space.messages[1] as never), false)
    assert.equal(verifier.finish().faults, 1)
  })

  test('can be asked for on the way', () => {
    const space = story()
    const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
    for (const record of space.records.slice(0, 2)) assert.equal(verifier.record(record), true)
    assert.deepEqual(verifier.checked, { records: 2, messages: 0, events: 0, chunks: 0, decisions: 0 })
    assert.equal(verifier.registry.version, 2)
  })
})

test('the bodies of the story say what they are meant to say', () => {
  const space = story()
  const kinds = space.bodies.map((body: RecordBody) => body.kind).join(' ')
  assert.equal(kinds, 'genesis agents send turn turn turn send turn turn settle')
})

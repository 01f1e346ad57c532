import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { envelopeText } from '../../src/core/message.ts'
import { LogVerifier } from '../../src/log/log-verifier.ts'
import { verifyCertificate } from '../../src/voting/certificate.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, seal, Space } from '../helpers/log.ts'
import {
  ANSWERED,
  ASKED,
  change,
  ENDED,
  faultOf,
  refused,
  spoiled,
  story,
  WAITING,
} from '../helpers/log-story.ts'
import { feed, verifyAll } from '../helpers/verify-log.ts'

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

  test('when the key of a journal chunk that no record lists was revoked since, but not when one lists it', () => {
    for (const isListed of [false, true]) {
      const space = new Space()
      const [id = ''] = space.send('client/1', [{ to: 'alice' }])
      const first = space.chunk(id, ['before'])
      const revokes = [{ key: keyPairOf('alice').id, reason: 'stolen' }]
      space.write({ author: OWNER, kind: 'agents', revokes, agents: [entryOf('alice', keyPairOf('second'))] })
      space.keys.set('alice', keyPairOf('second'))
      space.turn(id, 'dead', { journal: isListed ? [first] : [] })
      const { fault } = verifyAll(space)
      if (isListed) assert.match(fault?.reason ?? '', /not signed with a key of "alice"/)
      else assert.equal(fault, undefined)
    }
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
    const space = story()
    const [row] = space.messages
    assert.ok(row)
    const late = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
    for (const record of space.records.slice(0, ASKED + 1)) late.record(record)
    assert.equal(late.message({ ...row, position: 7 }), false)
    assert.match(faultOf(late.finish()).reason, /at position 7, where no record sent it/)
    const verifier = new LogVerifier(crypto, { checkCertificate: verifyCertificate })
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

suite('the report', () => {
  test('tells the first fault by position, whatever was found first', () => {
    const space = story()
    change(space.records, 8, { hash: crypto.sha256('x') })
    const first = faultOf(verifyAll(space))
    assert.equal(first.position, 8)
    space.decisions.pop()
    space.decisions.push({ id: 'dec_1', hash: crypto.sha256('x'), certificate: 'x', position: ENDED })
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

  test('blames a chunk that lies before a bad record, and none that lies behind it', () => {
    for (const [index, faults, position] of [
      [0, 2, WAITING],
      [1, 1, ENDED],
    ] as const) {
      const space = story()
      change(space.records, ENDED, { hash: crypto.sha256('x') })
      const [chunks = []] = space.chunks.values()
      change(chunks, index, { signature: '' })
      const report = verifyAll(space)
      assert.deepEqual([report.faults, faultOf(report).position], [faults, position])
    }
  })

  test('takes no failure of the machine for a fault of the log', () => {
    const broken = {
      ...crypto,
      sha256: () => {
        throw new RangeError('out of memory')
      },
    }
    const verifier = new LogVerifier(broken, { checkCertificate: verifyCertificate })
    const [genesis] = story().records
    assert.ok(genesis)
    assert.throws(() => verifier.record(genesis), RangeError)
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
  const kinds = space.bodies.map((body) => body.kind).join(' ')
  assert.equal(kinds, 'genesis agents send turn turn turn send turn turn settle')
})

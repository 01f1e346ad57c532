import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { canonicalize } from '../../src/core/json.ts'
import { turnOf } from '../../src/core/ids.ts'
import { LogVerifier, type LogReport } from '../../src/log/log-verifier.ts'
import { makeCertificate, verifyCertificate } from '../../src/voting/certificate.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, Space, type Said } from '../helpers/log.ts'
import { ANSWERED, change, ENDED, faultOf, refused, spoiled, story, WAITING } from '../helpers/log-story.ts'
import { verifyAll } from '../helpers/verify-log.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

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

  test('once, and then no more of that journal is looked at', () => {
    const space = story()
    change(chunks(space), 0, { signature: '' })
    const report = verifyAll(space)
    assert.deepEqual([report.faults, report.checked.chunks], [1, 0])
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
    const proposal = proposalOf(2, { space: space.id, decision: 'dec_1', ...changes })
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
    spoiled((space) => space.decisions.pop(), ENDED, /lacks the certificate of the decision dec_1/)
    spoiled((space) => space.decisions.push(...space.decisions), 9, /which no record lists/)
    spoiled((space) => change(space.decisions, 0, { id: 'dec_2' }), ENDED, /lacks the certificate/)
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
    space.write({ author: 'alice', kind: 'send', decisions: [{ id: 'dec_1', sha256: hash }] })
    space.decisions.push({ id: 'dec_1', hash, certificate: text, position: space.position })
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
      [(space) => other(space, { decision: 'dec_2' }), /its certificate is that of "dec_2"/],
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
      { author: 'bob', kind: 'send', decisions: [{ id: 'dec_1', sha256: crypto.sha256('x') }] },
      /listed before/,
    )
  })
})

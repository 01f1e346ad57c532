import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { forkOf, verifyForks, type Fork, type ForkEvidence, type SignedRecord } from '../../src/log/fork.ts'
import { keysBefore } from '../../src/log/registry.ts'
import type { LogRecord } from '../../src/ports/store.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { seal, Space, type Said } from '../helpers/log.ts'

const space = new Space()
space.write({ author: 'alice', kind: 'send' })
const keys = keysBefore(space.registry, space.position)

/** The next record of an author, signed by whomever. */
function signed(said: Said, by = said.author, author = space): LogRecord {
  const [record] = seal([author.body(said)], space.records.length, [keyPairOf(by)])
  assert.ok(record)
  return record
}

const one = signed({ author: 'alice', kind: 'send', at: 1 })
const other = signed({ author: 'alice', kind: 'send', at: 2 })
const fork = forkOf(one, other)
assert.ok(fork)

function evidence(...forks: readonly unknown[]): ForkEvidence {
  return { v: 1, type: 'coterie.forks', space: space.id, forks: forks as readonly Fork[] }
}

function verify(value: unknown): string {
  const verdict = verifyForks(crypto, value, space.id, keys)
  return verdict.ok ? 'proved' : verdict.problem
}

test('two different records with one number are a fork, in one form, whichever comes first', () => {
  assert.deepEqual(forkOf(other, one), fork)
  assert.equal(verify(evidence(fork)), 'proved')
  assert.equal(verify(JSON.parse(JSON.stringify(evidence(fork, fork)))), 'proved')
  assert.equal(forkOf(one, one), undefined)
  assert.equal(forkOf(one, signed({ author: 'bob', kind: 'send' })), undefined)
  assert.equal(forkOf(one, { ...other, seq: 2 }), undefined)
})

test('records without their details are shown, for details may hold what is not for others', () => {
  const withDetail = forkOf({ ...one, detail: '{"reasons":["secret"]}' }, other)
  assert.ok(!JSON.stringify(withDetail).includes('secret'))
})

suite('a document of forks is refused', () => {
  const [a, b] = fork
  const sorted = (...records: readonly SignedRecord[]): unknown => {
    return records.toSorted((x, y) => (x.hash < y.hash ? -1 : 1))
  }
  const strangers: readonly (readonly [what: string, reason: RegExp, record: LogRecord])[] = [
    [
      'signed by another agent',
      /signature is not valid/,
      signed({ author: 'alice', kind: 'send', at: 3 }, 'bob'),
    ],
    [
      'under the key of another agent',
      /signed with the key of "bob"/,
      signed({ author: 'alice', kind: 'send', key: keyPairOf('bob').id }, 'bob'),
    ],
    [
      'under a key that nobody has',
      /nobody is known to have the key/,
      signed({ author: 'alice', kind: 'send', key: keyPairOf('eve').id }, 'eve'),
    ],
    ['of another space', /another space/, signed({ author: 'alice', kind: 'send', space: 'f'.repeat(64) })],
  ]
  for (const [what, reason, record] of strangers) {
    test(`with a record ${what}`, () => assert.match(verify(evidence(forkOf(one, record))), reason))
  }

  test('with one record twice, two authors, two numbers, or in the other order', () => {
    assert.match(verify(evidence([a, a])), /not two/)
    assert.match(verify(evidence([b, a])), /smaller hash first/)
    assert.match(
      verify(evidence(sorted(a, signedPart(signed({ author: 'bob', kind: 'send' }))))),
      /different authors/,
    )
    const first = space.records.find(({ author }) => author === 'alice')
    assert.ok(first)
    assert.match(verify(evidence(sorted(a, signedPart(first)))), /different numbers/)
  })

  test('with a record that was changed', () => {
    for (const [member, value] of Object.entries({
      author: 'bob',
      seq: 5,
      prev: '',
      hash: 'f'.repeat(64),
      body: a.body.replace('"at":', '"at":7'),
      proof: { ...a.proof, signature: b.proof.signature },
    })) {
      assert.notEqual(verify(evidence([{ ...a, [member]: value }, b])), 'proved', member)
    }
  })

  test('for a genesis: another one is another space', () => {
    const genesis = signed({ author: OWNER, kind: 'genesis', space: '', seq: 0, prev: '', at: 9 })
    assert.match(verify(evidence(forkOf(space.records[0] as LogRecord, genesis))), /another space/)
  })

  test('with another form, or for another space', () => {
    const good = evidence(fork)
    const wrong = [null, [], 'x', {}, { ...good, v: 2 }, { ...good, type: 'x' }, { ...good, more: 1 }]
    for (const value of wrong) assert.match(verify(value), /not a document/)
    assert.match(verify({ ...good, space: 'f'.repeat(64) }), /another space/)
    assert.match(verify({ ...good, forks: [] }), /no fork/)
    assert.match(verify({ ...good, forks: {} }), /no fork/)
    for (const value of [null, [], [a], [a, b, b], {}])
      assert.match(verify(evidence(value)), /other than two/)
    for (const value of [null, 7, {}, { ...a, detail: null }, { ...a, body: 7 }, { ...a, proof: null }]) {
      assert.notEqual(verify(evidence([value, b])), 'proved')
    }
  })
})

function signedPart({ author, seq, prev, hash, body, proof }: LogRecord): SignedRecord {
  return { author, seq, prev, hash, body, proof }
}

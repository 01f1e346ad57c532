import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { OWNER } from '../../src/core/address.ts'
import { CoterieError } from '../../src/core/errors.ts'
import type { AgentEntry, RecordBody } from '../../src/core/record.ts'
import { applyOwnerRecord, emptyRegistry, keysBefore, type Registry } from '../../src/log/registry.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import type { LogRecord } from '../../src/ports/store.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { entryOf, seal, Space, type Said } from '../helpers/log.ts'

/** The same registry, told as data. */
function told(registry: Registry): unknown {
  const { space, version, head } = registry
  return { space, version, head, agents: registry.agents(), keys: registry.keys() }
}

function refuse(registry: Registry, record: LogRecord, reason: RegExp): void {
  const before = told(registry)
  assert.throws(
    () => applyOwnerRecord(registry, crypto, record),
    (error: unknown) => {
      assert.ok(error instanceof CoterieError, String(error))
      assert.equal(error.code, 'COTERIE_VERIFICATION_FAILED')
      assert.match(String(error.details['reason']), reason)
      assert.equal(error.details['position'], record.position)
      return true
    },
  )
  assert.deepEqual(told(registry), before)
}

/** The owner's next record, not yet applied. */
function next(space: Space, said: Omit<Said, 'author' | 'kind'>, key?: KeyPair): LogRecord {
  const body = space.body({ author: OWNER, kind: 'agents', ...said })
  const [record] = seal([body], space.records.length, [key ?? space.keyOf(OWNER)])
  assert.ok(record)
  return record
}

function genesis(change: Partial<RecordBody> = {}, key = keyPairOf(OWNER)): LogRecord {
  const body: RecordBody = {
    agents: [entryOf(OWNER)],
    at: 1,
    author: OWNER,
    key: keyPairOf(OWNER).id,
    kind: 'genesis',
    prev: '',
    seq: 0,
    space: '',
    v: 1,
    ...change,
  }
  const [record] = seal([body], 0, [key])
  assert.ok(record)
  return record
}

suite('a registry', () => {
  test('is empty before the genesis', () => {
    const registry = emptyRegistry()
    assert.deepEqual(told(registry), {
      space: '',
      version: 0,
      head: { seq: -1, hash: '' },
      agents: [],
      keys: [],
    })
    assert.equal(registry.agent(OWNER), undefined)
    assert.equal(registry.keyAt(keyPairOf(OWNER).id, 0), undefined)
  })

  test('takes the id of the space from the hash of the genesis, and the key of the owner from its text', () => {
    const record = genesis()
    const registry = applyOwnerRecord(emptyRegistry(), crypto, record)
    assert.equal(registry.space, record.hash)
    assert.equal(registry.version, 1)
    assert.deepEqual(registry.head, { seq: 0, hash: record.hash })
    assert.deepEqual(registry.agent(OWNER), entryOf(OWNER))
    assert.equal(registry.keyAt(keyPairOf(OWNER).id, 0)?.agent, OWNER)
  })

  test('knows the agents in the order in which they joined, and each by its name', () => {
    const space = new Space([entryOf('zoe'), entryOf('alice')])
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('bob')] })
    const names = space.registry.agents().map(({ name }) => name)
    assert.deepEqual(names, [OWNER, 'zoe', 'alice', 'bob'])
    assert.deepEqual(space.registry.agent('bob'), entryOf('bob'))
    assert.equal(space.registry.agent('nobody'), undefined)
    assert.equal(space.registry.version, 3)
  })

  test('is not changed by what comes later', () => {
    const space = new Space()
    const before = space.registry
    const data = told(before)
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('carol')] })
    assert.deepEqual(told(before), data)
    assert.equal(before.agent('carol'), undefined)
  })

  test('replaces the handlers of an agent without a change of its key', () => {
    const space = new Space()
    const handlers = [{ name: 'other', topic: null }]
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', undefined, handlers)] })
    assert.deepEqual(space.registry.agent('alice')?.handlers, handlers)
    assert.deepEqual(
      space.registry.keys().filter(({ agent }) => agent === 'alice'),
      [
        {
          id: keyPairOf('alice').id,
          agent: 'alice',
          publicKey: keyPairOf('alice').publicKey,
          from: 1,
          until: null,
          revoked: null,
        },
      ],
    )
  })

  test('counts other records of the owner, which change nothing', () => {
    const space = new Space()
    const agents = space.registry.agents()
    space.write({ author: OWNER, kind: 'cancel', cancels: 'a'.repeat(32) })
    assert.equal(space.registry.version, 3)
    assert.deepEqual(space.registry.agents(), agents)
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('carol')] })
    assert.equal(space.registry.version, 4)
  })

  test('names the subscribers of a topic by agent and handler, however they were entered', () => {
    const on = (...names: string[]): AgentEntry['handlers'] =>
      names.map((name) => ({ name, topic: 'prices' }))
    const space = new Space([
      entryOf('bob', undefined, on('b', 'a')),
      entryOf('Zed', undefined, on('z')),
      entryOf('alice', undefined, [...on('x'), { name: 'y', topic: 'news' }, { name: 'w', topic: null }]),
    ])
    assert.deepEqual(space.registry.subscribers('prices'), [
      { agent: 'Zed', handler: 'z' },
      { agent: 'alice', handler: 'x' },
      { agent: 'bob', handler: 'a' },
      { agent: 'bob', handler: 'b' },
    ])
    assert.deepEqual(space.registry.subscribers('news'), [{ agent: 'alice', handler: 'y' }])
    assert.deepEqual(space.registry.subscribers('nothing'), [])
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('bob')] })
    assert.equal(space.registry.subscribers('prices').length, 2)
  })
})

suite('a key is valid', () => {
  const second = keyPairOf('the second')
  const idOf = (pair: KeyPair): string => pair.id

  test('from the position of the record that adds it', () => {
    const space = new Space()
    const position = space.position
    assert.equal(space.registry.keyAt(idOf(keyPairOf('alice')), position - 1), undefined)
    assert.equal(space.registry.keyAt(idOf(keyPairOf('alice')), position)?.agent, 'alice')
    assert.equal(
      space.registry.keyAt(idOf(keyPairOf('alice')), 1_000_000)?.publicKey,
      keyPairOf('alice').publicKey,
    )
    assert.equal(space.registry.keyAt(idOf(keyPairOf('nobody')), position), undefined)
  })

  test('until another one replaces it, and again when it comes back', () => {
    const space = new Space([entryOf('alice')])
    const first = keyPairOf('alice')
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', second)] })
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', first)] })
    const valid = (pair: KeyPair): boolean[] =>
      [0, 1, 2, 3, 4].map((position) => space.registry.keyAt(pair.id, position)?.agent === 'alice')
    assert.deepEqual(valid(first), [false, true, false, true, true])
    assert.deepEqual(valid(second), [false, false, true, false, false])
  })

  test('until it is revoked, and the agent has none until it is given another', () => {
    const space = new Space([entryOf('alice')])
    const first = keyPairOf('alice')
    space.write({ author: OWNER, kind: 'agents', revokes: [{ key: first.id, reason: 'lost laptop' }] })
    assert.equal(space.registry.keyAt(first.id, 1)?.agent, 'alice')
    assert.equal(space.registry.keyAt(first.id, 2), undefined)
    assert.deepEqual(space.registry.keys().at(-1)?.revoked, { position: 2, reason: 'lost laptop' })
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', second)] })
    assert.equal(space.registry.keyAt(second.id, 3)?.agent, 'alice')
    refuse(space.registry, next(space, { agents: [entryOf('alice', first)] }), /was revoked/)
  })

  test('no more when one record revokes it and gives another', () => {
    const space = new Space([entryOf('alice')])
    const first = keyPairOf('alice')
    space.write({
      author: OWNER,
      kind: 'agents',
      agents: [entryOf('alice', second)],
      revokes: [{ key: first.id, reason: 'r' }],
    })
    assert.equal(space.registry.keyAt(first.id, 2), undefined)
    assert.equal(space.registry.keyAt(second.id, 2)?.agent, 'alice')
  })

  test('for the owner up to the record that replaces it, and the new one after that record', () => {
    const space = new Space([])
    const first = keyPairOf(OWNER)
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf(OWNER, second)] })
    const valid = (pair: KeyPair): boolean[] =>
      [0, 1, 2].map((position) => space.registry.keyAt(pair.id, position)?.agent === OWNER)
    assert.deepEqual(valid(first), [true, true, false])
    assert.deepEqual(valid(second), [false, false, true])
    refuse(space.registry, next(space, { agents: [entryOf('carol')] }), /is not the owner's at this position/)
    space.keys.set(OWNER, second)
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('carol')] })
    assert.ok(space.registry.agent('carol'))
  })

  test('as one that may have signed earlier, also when it was replaced, but not when it was revoked', () => {
    const space = new Space([entryOf('alice')])
    const first = keyPairOf('alice')
    space.write({ author: OWNER, kind: 'agents', agents: [entryOf('alice', second)] })
    space.write({ author: OWNER, kind: 'agents', revokes: [{ key: first.id, reason: 'r' }] })
    const trusted = (position: number): string[] =>
      [...keysBefore(space.registry, position)].filter(([, { agent }]) => agent === 'alice').map(([id]) => id)
    assert.deepEqual([0, 1, 2, 3].map(trusted), [[], [first.id], [first.id, second.id], [second.id]])
  })
})

suite('a genesis is refused', () => {
  const empty = emptyRegistry()
  const cases: readonly (readonly [string, LogRecord, RegExp])[] = [
    ['that names nobody', genesis({ agents: [] }), /names the owner's key, and nothing else/],
    [
      'that names another agent',
      genesis({ agents: [entryOf('alice')] }),
      /names the owner's key, and nothing else/,
    ],
    [
      'that names two',
      genesis({ agents: [entryOf(OWNER), entryOf('alice')] }),
      /names the owner's key, and nothing/,
    ],
    ['that revokes', genesis({ revokes: [{ key: keyPairOf('alice').id, reason: 'r' }] }), /and nothing else/],
    [
      'that names another key than signs it',
      genesis({ agents: [entryOf(OWNER, keyPairOf('eve'))] }),
      /another key than/,
    ],
    ['that another key has signed', genesis({}, keyPairOf('eve')), /its signature is not valid/],
    [
      'whose key has another id',
      genesis({ agents: [{ ...entryOf(OWNER), publicKey: keyPairOf('eve').publicKey }] }, keyPairOf('eve')),
      /the id of the key of "@owner" is not that of its public key/,
    ],
  ]
  for (const [name, record, reason] of cases) test(name, () => refuse(empty, record, reason))

  test('when there is one already, and any other record before it', () => {
    const space = new Space([])
    refuse(space.registry, genesis({ at: 2 }), /next record is number 1, not 0/)
    refuse(empty, next(space, { agents: [] }), /next record is number 0, not 1/)
    const other = genesis({ kind: 'agents', space: crypto.sha256('x') })
    refuse(empty, other, /the owner's first record is the genesis/)
  })
})

suite('a record of the owner is refused', () => {
  test('when it is of another author', () => {
    const space = new Space()
    const record = space.write({ author: 'alice', kind: 'send' })
    refuse(space.registry, record, /it is not by the owner/)
  })

  test('when any one byte of it is changed', () => {
    const space = new Space()
    const record = next(space, { agents: [entryOf('carol')] })
    const bytes = Buffer.from(record.body)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      refuse(space.registry, { ...record, body: changed.toString() }, /./)
    }
    assert.ok(applyOwnerRecord(space.registry, crypto, record).agent('carol'))
  })

  test('when it is signed with any key but the owner’s', () => {
    const space = new Space()
    refuse(space.registry, next(space, {}, keyPairOf('alice')), /its signature is not valid/)
    const own = next(space, { key: keyPairOf('alice').id }, keyPairOf('alice'))
    refuse(space.registry, own, /is not the owner's at this position/)
    const foreign = next(space, { key: keyPairOf('eve').id }, keyPairOf('eve'))
    refuse(space.registry, foreign, /is not the owner's at this position/)
  })

  test('with the signature of another record of the owner', () => {
    const space = new Space()
    const record = next(space, { agents: [entryOf('carol')] })
    const other = next(space, { agents: [entryOf('dave')] })
    refuse(space.registry, { ...record, proof: other.proof }, /its signature is not valid/)
  })

  test('out of order, twice, or after another record than it names', () => {
    const space = new Space([])
    const second = next(space, { agents: [entryOf('alice')] })
    const third = next(space, { agents: [entryOf('bob')], seq: 2, prev: second.hash })
    refuse(space.registry, third, /next record is number 1, not 2/)
    const once = applyOwnerRecord(space.registry, crypto, second)
    refuse(once, second, /next record is number 2, not 1/)
    assert.ok(applyOwnerRecord(once, crypto, third).agent('bob'))
    refuse(space.registry, next(space, { prev: crypto.sha256('x') }), /does not follow/)
  })

  test('when it was signed in another space of the same owner', () => {
    const space = new Space([])
    const other = new Space([], 2)
    refuse(space.registry, next(space, { space: other.id }), /it belongs to another space/)
    refuse(space.registry, next(other, {}), /does not follow/)
  })

  const cases: readonly (readonly [string, Omit<Said, 'author' | 'kind'>, RegExp])[] = [
    [
      'when it names one agent twice',
      { agents: [entryOf('dave'), entryOf('dave')] },
      /names the agent "dave" twice/,
    ],
    [
      'when a key id is not that of the public key',
      { agents: [{ ...entryOf('dave'), key: keyPairOf('eve').id }] },
      /the id of the key of "dave"/,
    ],
    [
      'when a public key is not one',
      { agents: [{ ...entryOf('dave'), publicKey: 'AAAA' }] },
      /"agents" of its body is malformed/,
    ],
    [
      'when a public key is spelled in another way',
      { agents: [{ ...entryOf('dave'), publicKey: `${keyPairOf('dave').publicKey}=` }] },
      /"agents" of its body is malformed/,
    ],
    [
      'when a public key has a bit behind its last byte',
      { agents: [{ ...entryOf('dave'), publicKey: withStrayBit(keyPairOf('dave').publicKey) }] },
      /the id of the key of "dave"/,
    ],
    [
      'when it gives an agent the key of another',
      { agents: [entryOf('dave', keyPairOf('alice'))] },
      /the key of "dave" is already that of "alice"/,
    ],
    [
      'when it gives two agents one key',
      { agents: [entryOf('dave'), entryOf('eve', keyPairOf('dave'))] },
      /the key of "eve" is already that of "dave"/,
    ],
    [
      'when it gives an agent the key of the owner',
      { agents: [entryOf('dave', keyPairOf(OWNER))] },
      /already that of "@owner"/,
    ],
    [
      'when it revokes a key that nobody has',
      { revokes: [{ key: keyPairOf('eve').id, reason: 'r' }] },
      /which nobody has/,
    ],
    [
      'when it revokes a key twice',
      { revokes: [keyPairOf('alice'), keyPairOf('alice')].map(({ id }) => ({ key: id, reason: 'r' })) },
      /was revoked before/,
    ],
    [
      'when it gives a key that it revokes',
      { agents: [entryOf('alice')], revokes: [{ key: keyPairOf('alice').id, reason: 'r' }] },
      /the key of "alice" was revoked/,
    ],
    [
      'when an agent has two handlers of one name',
      {
        agents: [
          entryOf(
            'dave',
            undefined,
            ['h', 'h'].map((name) => ({ name, topic: null })),
          ),
        ],
      },
      /"agents" of its body is malformed/,
    ],
    [
      'when a topic is none',
      { agents: [entryOf('dave', undefined, [{ name: 'h', topic: 'a b' }])] },
      /"agents" of its body is malformed/,
    ],
    [
      'when an agent has a bad name',
      { agents: [entryOf('a/b', keyPairOf('x'))] },
      /"agents" of its body is malformed/,
    ],
  ]
  for (const [name, said, reason] of cases) {
    test(name, () => {
      const space = new Space()
      refuse(space.registry, next(space, said), reason)
    })
  }

  test('when its owner’s key was revoked, for good', () => {
    const space = new Space()
    space.write({ author: OWNER, kind: 'agents', revokes: [{ key: keyPairOf(OWNER).id, reason: 'stolen' }] })
    refuse(space.registry, next(space, { agents: [entryOf('carol')] }), /is not the owner's at this position/)
  })
})

/** The same bytes for a decoder that does not look at the two bits of the last character that mean nothing. */
function withStrayBit(publicKey: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = digits.indexOf(publicKey.at(-1) ?? '')
  const changed = `${publicKey.slice(0, -1)}${digits[last + 1] ?? ''}`
  assert.deepEqual(Buffer.from(changed, 'base64url'), Buffer.from(publicKey, 'base64url'))
  return changed
}

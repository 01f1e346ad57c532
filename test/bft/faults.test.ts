import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault, Script } from '../../src/testing/council/script.ts'
import { STRATEGY_NAMES, type StrategyName } from '../../src/testing/council/strategies.ts'
import { broken, GOOD_LINKS, liar, partition, runs } from './scenarios.ts'

const SEEDS = 12

for (const strategy of STRATEGY_NAMES) {
  test(`one member of four that ${phrase(strategy)} harms nobody`, () => {
    const results = runs(SEEDS, (seed) => ({ liars: [liar(seed % 4, strategy)] }))
    assert.deepEqual(broken(results), [])
    const troubled = runs(SEEDS, (seed) => ({
      liars: [liar(seed % 4, strategy)],
      links: { ...GOOD_LINKS, drop: 0.1, msMax: 60 },
      faults: [{ kind: 'isolate-leader', at: 100, untilMs: 400 }],
    }))
    assert.deepEqual(broken(troubled), [])
    // Some lies need an occasion; over all these runs each has had one.
    // Nothing is carried until something was notarised and not finalised.
    const split = runs(strategy === 'carries-another-value' ? 60 : 0, (seed) => ({
      liars: [liar(seed % 4, strategy)],
      links: { ...GOOD_LINKS, drop: 0.35, msMax: 60 },
      healMs: 3_000,
    }))
    assert.deepEqual(broken(split), [])
    const lies = [...results, ...troubled, ...split].reduce((sum, { counts }) => sum + counts.lies, 0)
    assert.ok(lies > 0, 'nobody has lied')
  })
}

function phrase(strategy: StrategyName): string {
  return strategy.replaceAll('-', ' ')
}

const PROVEN: readonly (readonly StrategyName[])[] = [
  ['forges-justification'],
  ['ignores-notarised'],
  ['equivocates-values', 'double-votes'],
  ['double-votes'],
]

for (const strategies of PROVEN) {
  test(`a member that ${strategies.map(phrase).join(' and ')} is found out`, () => {
    const results = runs(40, (seed) => ({
      liars: [liar(seed % 4, ...strategies)],
      faults: [{ kind: 'isolate-leader', at: 60, untilMs: 500 }],
    }))
    assert.deepEqual(broken(results), [])
    assert.ok(results.some(({ script, accused }) => accused.includes(`m0${script.liars[0]?.member}`)))
  })
}

test('all pairs of ways to lie, in a council of seven with two liars, harm nobody', () => {
  const pairs = STRATEGY_NAMES.flatMap((one, at) =>
    STRATEGY_NAMES.slice(at).map((other) => [one, other] as const),
  )
  for (const [seed, [one, other]] of pairs.entries()) {
    const results = runs(1, () => ({
      seed,
      members: 7,
      clocks: Array.from({ length: 7 }, () => 1),
      submissions: [0, 90, 180].map((at) => ({ at, member: (seed + 1) % 7 })),
      liars: [liar(seed % 7, one), liar((seed + 3) % 7, other)],
    }))
    assert.deepEqual(broken(results), [], `${one} and ${other}`)
  }
})

test('two processes with one key harm nobody, whoever talks with which', () => {
  const twin = (member: number): Script['liars'][number] => ({
    member,
    strategies: [],
    isTwin: true,
    isForgetful: false,
  })
  const results = runs(60, (seed) => ({
    liars: [twin(seed % 4)],
    faults: seed % 2 === 0 ? [] : [partition({ isHeld: true })],
  }))
  assert.deepEqual(broken(results), [])
})

test('a member whose disk loses what it had flushed, and who is not told, harms nobody', () => {
  const results = runs(40, (seed) => ({
    liars: [{ member: 1, strategies: [], isTwin: false, isForgetful: true }],
    faults: [crash(1, { operations: seed, downMs: 30 }), crash(1, { at: 300, operations: seed, downMs: 30 })],
  }))
  assert.deepEqual(broken(results), [])
})

function crash(member: number, changes: Partial<Extract<Fault, { kind: 'crash' }>> = {}): Fault {
  return { kind: 'crash', at: 20, member, operations: 0, downMs: 100, survives: 0, forgets: 0, ...changes }
}

function pause(member: number, at: number, untilMs: number): Fault {
  return { kind: 'pause', at, member, untilMs }
}

function diskFull(member: number): Fault {
  return { kind: 'disk-full', at: 50, member, untilMs: 600 }
}

function diskSlow(member: number, flushMs: number): Fault {
  return { kind: 'disk-slow', at: 20, member, untilMs: 700, flushMs }
}

const links = (changes: Partial<Script['links']>): Partial<Script> => ({
  links: { ...GOOD_LINKS, ...changes },
})
const faults = (...list: readonly Fault[]): Partial<Script> => ({ faults: list })

const FAULTS: readonly (readonly [what: string, changes: Partial<Script>])[] = [
  ['a third of all messages is lost', links({ drop: 0.33 })],
  ['messages overtake each other', links({ msMin: 0, msMax: 300 })],
  ['a tenth of all messages is seconds late', links({ heavyTail: 0.1 })],
  ['messages arrive twice', links({ duplicate: 0.5 })],
  ['messages are damaged on their way', links({ corrupt: 0.2 })],
  ['one member is cut off', faults(partition({}))],
  ['the council is split in two', faults(partition({ from: [0, 1], to: [2, 3] }))],
  ['nothing passes in one direction', faults(partition({ from: [0, 1], to: [2, 3], isOneWay: true }))],
  [
    'who hears whom is not transitive',
    faults(partition({ from: [0], to: [1] }), partition({ from: [2], to: [3, 0] })),
  ],
  ['a partition comes and goes', faults(partition({ from: [0, 1], to: [2, 3], flapMs: 40 }))],
  [
    'everything held back arrives in one burst',
    faults(partition({ from: [0, 1], to: [2, 3], isHeld: true })),
  ],
  ['the leader of every view is cut off', faults({ kind: 'isolate-leader', at: 0, untilMs: 800 })],
  ['a member stands still for ten seconds', faults(pause(1, 100, 10_100))],
  [
    'the event loop of a member stops again and again',
    faults(...[0, 150, 300, 450].map((at) => pause(2, at, at + 120))),
  ],
  ['one link is slow', faults({ kind: 'slow-link', at: 0, untilMs: 800, from: 0, to: 1, ms: 600 })],
  [
    'the way out of a member is narrow',
    faults({ kind: 'narrow-link', at: 0, untilMs: 800, member: 1, messageMs: 25 }),
  ],
  [
    'the ways out of all are narrow',
    faults(
      ...[0, 1, 2, 3].map(
        (member) => ({ kind: 'narrow-link', at: 0, untilMs: 800, member, messageMs: 8 }) as const,
      ),
    ),
  ],
  [
    'clocks are hours apart',
    faults(
      ...[0, 1, 2, 3].map((member) => ({ kind: 'jump', at: 0, member, ms: member * 5_400_000 }) as const),
    ),
  ],
  ['a clock jumps a minute ahead', faults({ kind: 'jump', at: 100, member: 1, ms: 60_000 })],
  ['clocks run at half and at double speed', { clocks: [0.5, 1, 1, 2] }],
  [
    'all members crash at once and lose what was not flushed',
    faults(...[0, 1, 2, 3].map((member) => crash(member, { at: 130 }))),
  ],
  [
    'a member crashes and the half of what was not flushed is torn',
    faults(crash(2, { survives: 50, operations: 3 })),
  ],
  ['a member is restored from an old copy, and knows it', faults(crash(2, { at: 200, forgets: 6 }))],
  ['a member is restored from nothing, and knows it', faults(crash(1, { at: 400, forgets: 1_000 }))],
  ['the disk of a member is full', faults(diskFull(1))],
  ['all disks are full for a while', faults(...[0, 1, 2, 3].map((member) => diskFull(member)))],
  ['the disk of a member takes half a second for a flush', faults(diskSlow(1, 500))],
  ['all disks are slow', faults(...[0, 1, 2, 3].map((member) => diskSlow(member, 30)))],
  [
    'a member with a full disk crashes, and all that it could not write is lost',
    faults(diskFull(1), crash(1, { at: 300, operations: 2 })),
  ],
  [
    'members with slow disks crash in the middle of a flush',
    faults(diskSlow(1, 40), diskSlow(2, 40), crash(1, { at: 90 }), crash(2, { at: 260, survives: 50 })),
  ],
  [
    'signatures and hashes are real',
    {
      isReal: true,
      submissions: [
        { at: 0, member: 0 },
        { at: 100, member: 1 },
      ],
    },
  ],
  [
    'members have different weights',
    { members: 7, isWeighted: true, clocks: Array.from({ length: 7 }, () => 1) },
  ],
  [
    'a member is replaced by another',
    { members: 7, changes: true, clocks: Array.from({ length: 7 }, () => 1) },
  ],
  [
    'a member that lies is replaced, and goes on signing',
    {
      members: 7,
      changes: true,
      clocks: Array.from({ length: 7 }, () => 1),
      liars: [liar(6, 'replays', 'floods')],
    },
  ],
]

for (const [what, changes] of FAULTS) {
  test(`all is decided, once, when ${what}`, () => {
    const results = runs(changes.isReal === true ? 2 : SEEDS, () => changes)
    assert.deepEqual(broken(results), [])
    assert.ok(results.every(({ counts }) => counts.heights > 0))
  })
}

test('while all disks are full nothing is decided, and afterwards everything is', () => {
  const results = runs(SEEDS, () => faults(...[0, 1, 2, 3].map((member) => diskFull(member))))
  for (const { decidedAt } of results) {
    // What was durable before may still be on its way.
    assert.deepEqual(
      decidedAt.filter((at) => at > 150 && at < 600),
      [],
    )
    assert.ok(decidedAt.some((at) => at >= 600))
  }
})

test('a member may crash before and after each flush and each send, alone or beside a liar', () => {
  for (let operations = 0; operations < 40; operations++) {
    const results = runs(2, (seed) => ({
      liars: seed === 0 ? [] : [liar(3, 'equivocates-values')],
      faults: [
        crash(operations % 3, { operations, downMs: 50 }),
        crash((operations + 1) % 3, { at: 60, operations, downMs: 10 }),
      ],
    }))
    assert.deepEqual(broken(results), [], `operation ${operations}`)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkProblem, type Link } from '../../src/log/links.ts'

/** A chain of one author, as a log has it: every third position. */
const CHAIN: readonly Link[] = Array.from({ length: 6 }, (_, seq) => ({
  seq,
  prev: seq === 0 ? '' : `h${seq - 1}`,
  hash: `h${seq}`,
  position: 2 + 3 * seq,
}))

/** Both ways round: which of the two was seen first makes no difference. */
function problems(one: Link, other: Link): readonly (string | undefined)[] {
  return [linkProblem(one, other), linkProblem(other, one)]
}

test('any two records of a chain fit together, and a record fits to itself', () => {
  for (const one of CHAIN) for (const other of CHAIN) assert.equal(linkProblem(one, other), undefined)
})

const [, , two, three] = CHAIN as readonly [Link, Link, Link, Link]
const WRONG: readonly (readonly [what: string, one: Link, other: Link, reason: RegExp])[] = [
  ['two records with one number', two, { ...two, hash: 'x' }, /two different records with number 2/],
  ['one record at two positions', two, { ...two, position: 9 }, /two positions/],
  [
    'a record that does not follow the one before it',
    two,
    { ...three, prev: 'x' },
    /3 .* does not follow number 2/,
  ],
  ['a later number at an earlier position', two, { ...three, position: 7 }, /number 3 at 7/],
  ['no room for the numbers between', { ...two, prev: '' }, { ...three, seq: 9 }, /number 9 at 11/],
]
for (const [what, one, other, reason] of WRONG) {
  test(`refuses ${what}`, () => {
    for (const problem of problems(one, other)) assert.match(problem ?? '', reason)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { styleFor } from '../../src/cli/render/style.ts'
import { fittedLines, tableLines } from '../../src/cli/render/table.ts'
import { hangText, reflow, widthOf, wrapText } from '../../src/cli/render/wrap.ts'

const style = styleFor(true)
const ESCAPE = String.fromCharCode(27)

function plain(line: string): string {
  return line.split(new RegExp(String.raw`${ESCAPE}\[\d+m`)).join('')
}

test('a text is broken between words, and no line is longer than the width', () => {
  assert.deepEqual(wrapText('one two three four five six seven', 20), [
    'one two three four',
    'five six seven',
  ])
  assert.deepEqual(wrapText('', 20), [''])
  assert.deepEqual(wrapText('short', 20), ['short'])
})

test('a word that is longer than the width is broken where the line ends', () => {
  assert.deepEqual(wrapText(`see ${'x'.repeat(45)} now`, 20), [
    'see',
    'x'.repeat(20),
    'x'.repeat(20),
    'xxxxx now',
  ])
})

test('a number stays with its unit, and JSON is broken between members', () => {
  assert.deepEqual(wrapText('it took a long 971 ms', 20), ['it took a long', '971 ms'])
  assert.deepEqual(wrapText('{"name":"left-pad","version":1}', 20), ['{"name":"left-pad",', '"version":1}'])
})

test('colours do not count, and end and begin again with the line', () => {
  const lines = wrapText(`a ${style.bad('very long failure, told at length')} b`, 20)
  assert.deepEqual(lines.map(plain), ['a very long failure,', 'told at length b'])
  for (const line of lines) {
    assert.ok(widthOf(line) <= 20)
    assert.equal(line.split(`${ESCAPE}[31m`).length, line.split(`${ESCAPE}[39m`).length)
  }
})

test('further lines begin below the first', () => {
  assert.deepEqual(hangText('- ', '  ', 'one two three four five', 22), ['- one two three four', '  five'])
})

test('paragraphs are broken anew, and what is indented stays as it is', () => {
  const text = 'one two three\nfour five six\n\n  $ a command that is longer than the width\n'
  assert.equal(
    reflow(text, 20),
    'one two three four\nfive six\n\n  $ a command that is longer than the width\n',
  )
})

test('a table that is too wide has one column below the others, and nothing is lost', () => {
  const [headings, rows] = [['A', 'LONG', 'N'], [['a', 'x'.repeat(30), 1] as const]]
  assert.deepEqual(fittedLines(headings, rows, Infinity, 1), tableLines(headings, rows))
  assert.deepEqual(fittedLines(headings, rows, 33, 1), ['A  N', 'a  1', `  ${'x'.repeat(30)}`])
})

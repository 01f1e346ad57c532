import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInstanceKey, isReadable, isShortText } from '../../src/core/readable.ts'

test('whatever any version of Unicode so far calls control, format, surrogate or private is unreadable', () => {
  const wrong: string[] = []
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point)
    if (
      /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u.test(character) &&
      isReadable(character)
    )
      wrong.push(point.toString(16))
  }
  assert.deepEqual(wrong, [])
})

test('nothing that has a shape is unreadable', () => {
  const wrong: string[] = []
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point)
    if (/[\p{L}\p{N}\p{P}\p{S}\p{Zs}]/u.test(character) && !isReadable(character))
      wrong.push(point.toString(16))
  }
  assert.deepEqual(wrong, [])
})

test('the set is the written one: characters that are not assigned yet are allowed, whatever this Node knows', () => {
  for (const point of [0x378, 0x1c80a, 0x2fe0f, 0xe0080])
    assert.equal(isReadable(String.fromCodePoint(point)), true)
  for (const point of [0xad, 0x2065, 0xfff5, 0x1fffe, 0xe007f, 0xfffff])
    assert.equal(isReadable(String.fromCodePoint(point)), false, point.toString(16))
})

test('a key has 1 to 200 code points and no space at either end', () => {
  for (const key of ['a', 'a b', 'ключ', '鍵', '\u{1f600}'.repeat(200), 'left-pad@1.3.0/x'])
    assert.ok(isInstanceKey(key), key)
  for (const key of ['', ' a', 'a\u3000', 'a\nb', 'a\u2028b', '\ud800', 'x'.repeat(201)])
    assert.ok(!isInstanceKey(key), key)
})

test('a short text is counted in code points', () => {
  assert.ok(isShortText('\u{1f600}\u{1f600}', 2))
  assert.ok(!isShortText('\u{1f600}\u{1f600}a', 2))
  assert.ok(!isShortText('', 2))
})

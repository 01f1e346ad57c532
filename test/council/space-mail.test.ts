import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import {
  piecesOf,
  readMail,
  signMail,
  takeMail,
  TextAssembly,
  type CouncilMail,
} from '../../src/runtime/council/space-mail.ts'

const KEY = nodeCrypto.keyPair(new Uint8Array(32).fill(1))
const HEAD = { v: 1, type: 'coterie.council-mail', instance: 'board', from: 'bob', to: 'alice' } as const
const ROUTE = { instance: 'board', space: 'here', from: 'bob', to: 'alice' }
const RUN = 'a'.repeat(32)

function mailsOf(texts: readonly string[], charsMax: number, run: string = RUN): readonly CouncilMail[] {
  const queue = texts.flatMap((text) => piecesOf(text, charsMax))
  const mails: CouncilMail[] = []
  while (queue.length > 0)
    mails.push({ ...HEAD, run, number: mails.length + 1, ...takeMail(queue, charsMax), signature: '' })
  return mails
}

test('texts are put together again as they were, however they were cut', () => {
  const texts = ['a', '', 'x'.repeat(25), '\u{1F600}'.repeat(9), 'b'.repeat(10), 'c'.repeat(11), 'end']
  for (const charsMax of [2, 3, 7, 10, 11, 24, 1_000]) {
    const mails = mailsOf(texts, charsMax)
    const assembly = new TextAssembly()
    assert.deepEqual(
      mails.flatMap((mail) => assembly.take(mail)),
      texts,
    )
    for (const mail of mails) {
      assert.ok(mail.texts.every((text) => text.isWellFormed() && text.length <= charsMax))
      assert.ok(mail.part === null || mail.texts.length === 1)
    }
  }
})

test('a text of which a part is missing is dropped, and nothing else is', () => {
  const mails = mailsOf(['a', 'x'.repeat(25), 'b'], 10)
  assert.deepEqual(
    mails.map(({ part }) => part?.at ?? null),
    [null, 0, 1, 2, null],
  )
  for (const lost of [1, 2, 3]) {
    const assembly = new TextAssembly()
    const heard = mails.filter((_, at) => at !== lost).flatMap((mail) => assembly.take(mail))
    assert.deepEqual(heard, ['a', 'b'])
  }
  // Parts of two runs make no text.
  const assembly = new TextAssembly()
  const other = mailsOf(['a', 'y'.repeat(25), 'b'], 10, 'b'.repeat(32))
  const mixed = [...mails.slice(0, 2), ...other.slice(2)]
  assert.deepEqual(
    mixed.flatMap((mail) => assembly.take(mail)),
    ['a', 'b'],
  )
})

test('a mail counts from whom it is signed by, to whom it is for, in its space, as it was', () => {
  const [mail] = mailsOf(['one', 'two'], 100)
  assert.ok(mail !== undefined)
  const { signature: _, ...unsigned } = mail
  const signed = JSON.parse(JSON.stringify(signMail(nodeCrypto, KEY, 'here', unsigned))) as CouncilMail
  const read = (value: unknown, route = ROUTE) => readMail(nodeCrypto, route, KEY.publicKey, value)
  assert.deepEqual(read(signed), signed)
  const parted = { ...unsigned, texts: ['one'], part: { at: 0, of: 2 } }
  assert.ok(read(signMail(nodeCrypto, KEY, 'here', parted)) !== undefined)
  for (const route of [{ space: 'there' }, { instance: 'another' }, { from: 'carol' }, { to: 'dave' }])
    assert.equal(read(signed, { ...ROUTE, ...route }), undefined)
  for (const change of [
    { texts: ['one', 'three'] },
    { texts: ['one,two'] },
    { number: 2 },
    { run: 'c'.repeat(32) },
    { part: { at: 0, of: 1 } },
    { signature: signed.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) },
  ])
    assert.equal(read({ ...signed, ...change }), undefined, JSON.stringify(change))
})

test('what has not the form of a mail is none, though it be signed', () => {
  const good = { ...HEAD, run: RUN, number: 1, texts: ['one'], part: null }
  const sign = (value: object) => signMail(nodeCrypto, KEY, 'here', value as typeof good)
  const read = (value: unknown) => readMail(nodeCrypto, ROUTE, KEY.publicKey, value)
  assert.ok(read(sign(good)) !== undefined)
  for (const bad of [
    { v: 2 },
    { type: 'coterie.mail' },
    { run: 'A'.repeat(32) },
    { number: 0 },
    { number: 1.5 },
    { texts: 'one' },
    { texts: [1] },
    { texts: Array.from({ length: 1_025 }, () => '') },
    { texts: ['one', 'two'], part: { at: 0, of: 2 } },
    { part: { at: 2, of: 2 } },
    { part: { at: -1, of: 2 } },
    { part: { at: 0, of: 2, more: 1 } },
    { part: { at: 0, of: 1_000_000 } },
    { more: 1 },
  ])
    assert.equal(read({ ...sign(good), ...bad }), undefined, JSON.stringify(bad).slice(0, 80))
  for (const bad of [null, undefined, 7, 'text', [], {}]) assert.equal(read(bad), undefined)
})

test('a text that grows without end is dropped before it is too long', () => {
  const assembly = new TextAssembly()
  const texts = ['x'.repeat(5 * 1024 * 1024)]
  const take = (at: number) =>
    assembly.take({ ...HEAD, run: RUN, number: at + 1, texts, part: { at, of: 4 }, signature: '' })
  assert.deepEqual([0, 1, 2, 3].flatMap(take), [])
  assert.equal(
    [4, 5].flatMap((number) =>
      assembly.take({ ...HEAD, run: RUN, number, texts: ['a'], part: null, signature: '' }),
    ).length,
    2,
  )
})

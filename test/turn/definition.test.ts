import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { on, topic } from '../../src/index.ts'

const refused = { code: 'COTERIE_INVALID_DEFINITION' }

test('a topic in the place of the options is refused: it would be a handler that nobody publishes to', () => {
  const news = topic('news', z.string())
  assert.throws(() => on(news as never, () => undefined), { ...refused, message: /on\(\{ topic \}/ })
  assert.equal(on({ topic: news }, () => undefined).topic, 'news')
})

test('a handler without a schema is refused', () => {
  assert.throws(() => on({} as never, () => undefined), refused)
})

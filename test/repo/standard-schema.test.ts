import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { z } from 'zod'
import { parseWith, type StandardSchema } from '../../src/core/schema.ts'

// The types are stated by hand in src/core/schema.ts; these two assignments compile while they say the same.
const theirs: StandardSchemaV1<string, number> = z.string().transform(Number)
const ours: StandardSchema<string, number> = theirs
const back: StandardSchemaV1<string, number> = ours

test('a schema of the published Standard Schema type is one of ours, and the other way round', () => {
  assert.equal(parseWith(ours, '42', 'the answer'), 42)
  assert.deepEqual(back['~standard'].validate('42'), { value: 42 })
})

/**
 * Standard Schema v1 (https://standardschema.dev): the shape that zod, valibot, arktype and others share.
 * The types are stated here so that the package depends on none of them.
 *
 * @module
 */

import { CoterieError } from './errors.ts'

/** Any Standard Schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What `validate` answers. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One reason why a value does not fit. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** What a sender passes. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']

/** What a receiver gets. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/**
 * The parsed value. Throws `code` with the issues in the message when the value does not fit, and
 * COTERIE_INVALID_DEFINITION when the schema validates asynchronously: a turn cannot wait for it.
 */
export function parseWith(
  schema: StandardSchema,
  value: unknown,
  what: string,
  code: 'COTERIE_INVALID_PAYLOAD' | 'COTERIE_INVALID_REPLY' = 'COTERIE_INVALID_PAYLOAD',
): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new CoterieError(
      'COTERIE_INVALID_DEFINITION',
      `The schema of ${what} validates asynchronously; use a schema that answers at once.`,
    )
  }
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 5).map((issue) => `${pathText(issue.path)}${issue.message}`)
  throw new CoterieError(code, `The value for ${what} does not fit its schema: ${issues.join('; ')}.`, {
    details: { issues },
  })
}

function pathText(path: SchemaIssue['path']): string {
  if (path === undefined || path.length === 0) return ''
  return `${path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')}: `
}

import type { Mutant } from './mutant.ts'

/** Every deliberate fault that the tests must notice: `npm run mutants`. */
export const mutants: readonly Mutant[] = []

import { councilMutants } from './council-mutants.ts'
import { memberMutants } from './member-mutants.ts'
import type { Mutant } from './mutant.ts'
import { postgresMutants } from './postgres-mutants.ts'
import { proofMutants } from './proof-mutants.ts'
import { runtimeMutants } from './runtime-mutants.ts'
import { spaceCouncilMutants } from './space-council-mutants.ts'
import { storeMutants } from './store-mutants.ts'
import { votingMutants } from './voting-mutants.ts'

/** Every deliberate fault that the tests must notice: `npm run mutants`. */
export const mutants: readonly Mutant[] = [
  ...councilMutants,
  ...memberMutants,
  ...storeMutants,
  ...postgresMutants,
  ...runtimeMutants,
  ...proofMutants,
  ...spaceCouncilMutants,
  ...votingMutants,
]

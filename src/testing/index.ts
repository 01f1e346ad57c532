/**
 * For those who write a store, or test what they build on Coterie.
 *
 * @module
 */

export { memoryKeyring } from '../adapters/memory/keyring.ts'
export { storeConformance } from './store-conformance.ts'
export type { StoreHarness } from './store-conformance.ts'

// The simulator: the real runtime and the real store under a virtual clock, with faults, decided by one number.
export { simulate } from './simulation/simulate.ts'
export { CALM } from './simulation/swarm.ts'
export type { Request } from './simulation/load.ts'
export type { HandlerName, Op, Place, Question, Script, Step } from './simulation/script.ts'
export type { SimulationOptions, SimulationResult } from './simulation/simulate.ts'
export type { Swarm } from './simulation/swarm.ts'
export type { Violation } from './simulation/violation.ts'

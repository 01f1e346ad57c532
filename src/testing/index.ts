/**
 * For those who write a store, or test what they build on Coterie.
 *
 * @module
 */

export { memoryKeyring } from '../adapters/memory/keyring.ts'
export { storeConformance } from './store-conformance.ts'

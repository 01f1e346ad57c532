import type { TestContext } from 'node:test'
import { nodeCrypto } from '../../src/index.ts'
import type { AnyAgent, Keyring, Limits, Space } from '../../src/index.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { fileKeyring } from '../../src/adapters/node/keyring.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { Logger } from '../../src/ports/logger.ts'
import type { SpaceStore, Store } from '../../src/ports/store.ts'
import { startSpace } from '../../src/runtime/start.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { fileOf } from './helpers.ts'

/** A store whose spaces behave as `change` says: for faults that a real one shows only now and then. */
function changed(store: Store, change: (space: SpaceStore) => Partial<SpaceStore>): Store {
  const wrap = (space: SpaceStore | undefined): SpaceStore | undefined => {
    if (space === undefined) return undefined
    const own = change(space)
    return new Proxy(space, {
      get(target, name) {
        if (Object.hasOwn(own, name)) return own[name as keyof SpaceStore]
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(target) : value
      },
    })
  }
  return {
    url: store.url,
    spaces: () => store.spaces(),
    space: async (name, genesis) => wrap(await store.space(name, genesis)),
    close: () => store.close(),
  }
}

/** The parts of a {@link rig}; by default those of the system. */
export interface Rig {
  readonly agents?: readonly AnyAgent[]
  readonly limits?: Partial<Limits>
  readonly now?: () => number
  readonly keyring?: Keyring
  readonly change?: (space: SpaceStore) => Partial<SpaceStore>
  readonly clock?: Clock
  readonly logger?: Logger
}

/** Starts a space on parts of its own. */
export async function rig(t: TestContext, url: string, options: Rig): Promise<Space> {
  const { agents = [], limits = {}, now, change = () => ({}) } = options
  const keyring = options.keyring ?? fileKeyring(`${fileOf(url)}.keys`, nodeCrypto, systemRandom)
  const clock = options.clock ?? (now === undefined ? systemClock : { ...systemClock, now })
  const logger = options.logger ?? silentLogger
  const ports = { clock, crypto: nodeCrypto, keyring, logger, random: systemRandom }
  const store = changed(openSqlite(url, now === undefined ? {} : { now }), change)
  const space = await startSpace(store, ports, { space: 'main', agents, limits: { pollMs: 5, ...limits } })
  t.after(() => space.close())
  return space
}

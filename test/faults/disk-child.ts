/**
 * Uses a database until the disk is full: `DATABASE BALLAST`. Sends messages to an agent of its own until a
 * send is refused, makes room on "free" by removing the ballast, and goes on.
 */

import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, CoterieError, jsonLogger, nodeCrypto, on, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const BALLAST_BYTES = 12 * 1024 * 1024
const FILLER = 'x'.repeat(8_000)

const [database = '', ballast = ''] = process.argv.slice(2)
let free: () => void = () => undefined
const freed = new Promise<void>((resolve) => {
  free = resolve
})
hearParent(() => free())

const sink = agent('sink', {
  take: on({ input: z.object({ i: z.number(), filler: z.string() }) }, async (turn, { i }) => {
    await turn.step('look', () => i)
  }),
})
writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES))
const space = await open(`sqlite:${database}`, { agents: [sink], logger: jsonLogger() })
const acknowledged: string[] = []
const refused = await fill()
tellParent({ event: 'full', ...refused, again: await codeOf(() => send(-1)), ...(await books()) })
useUp(ballast)
tellParent({ event: 'created', code: await codeOf(() => open(`sqlite:${database}.2`, { agents: [sink] })) })
await freed
rmSync(ballast)
for (let i = 0; i < 20; i++) acknowledged.push(await send(i))
await space.idle()
tellParent({ event: 'done', ...(await books()) })
await space.close()
process.exit(0)

async function fill(): Promise<{ readonly code: string; readonly retryable: boolean }> {
  for (let i = 0; ; i++) {
    try {
      acknowledged.push(await send(i))
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error
      return { code: error.code, retryable: error.retryable }
    }
  }
}

/** Takes what room is left. */
function useUp(file: string): void {
  const block = Buffer.alloc(4_096)
  try {
    for (;;) appendFileSync(file, block)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}

function send(i: number): Promise<string> {
  return space.send(sink.take, { i, filler: FILLER })
}

async function codeOf(act: () => Promise<string | Space>): Promise<string> {
  try {
    const made = await act()
    if (typeof made !== 'string') await made.close()
    return 'none'
  } catch (error) {
    return error instanceof CoterieError ? error.code : String(error)
  }
}

/** What the database holds, against what was acknowledged. */
async function books(): Promise<Readonly<Record<string, unknown>>> {
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  const rows = await space.store.messagesOf({ after: -1, limit: 1_000_000 })
  return {
    verified: report.ok,
    acknowledged: acknowledged.length,
    kept: rows.map(({ envelope }) => envelope.id).join() === acknowledged.join(),
    handled: rows.filter(({ state }) => state === 'handled').length,
  }
}

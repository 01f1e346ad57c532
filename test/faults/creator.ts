/**
 * Creates a database the moment it is told to: `NAME`, then a file for each line of the input. Uses it as a
 * whole: registers its agent, asks it, and closes.
 */

import { z } from 'zod'
import { agent, on, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [name = ''] = process.argv.slice(2)
const echo = agent(name, {
  say: on({ input: z.string(), output: z.string() }, (_turn, text) => `${name}: ${text}`),
})
hearParent((file) => {
  use(file).then(
    (line) => tellParent({ event: 'used', file, ...line }),
    (error: unknown) => tellParent({ event: 'used', file, error: String(error) }),
  )
})
tellParent({ event: 'ready' })

async function use(file: string): Promise<{ readonly id: string; readonly answer: string }> {
  await using space = await open(`sqlite:${file}`, { agents: [echo] })
  return { id: space.id, answer: await space.ask(echo.say, file) }
}

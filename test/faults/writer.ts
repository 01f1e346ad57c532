/** Sends to `DATABASE`, `COUNT` times, and prints each message's id when it is acknowledged, or the refusal. */

import { CoterieError, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [database = '', count = '0'] = process.argv.slice(2)
hearParent()
const space = await open(`sqlite:${database}`)
for (let i = 0; i < Number(count); i++) {
  try {
    tellParent({ event: 'acknowledged', id: await space.sendTo('sink', 'take', { i }) })
  } catch (error) {
    tellParent({ event: 'refused', code: error instanceof CoterieError ? error.code : String(error) })
    break
  }
}
process.exit(0)

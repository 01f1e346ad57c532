/** Sends `COUNT` messages to `DATABASE`, one by one, and prints the id of each when it is acknowledged. */

import { open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [database = '', count = '0'] = process.argv.slice(2)
hearParent()
const space = await open(`sqlite:${database}`)
for (let i = 0; i < Number(count); i++) {
  tellParent({ event: 'acknowledged', id: await space.sendTo('sink', 'take', { i }) })
}
process.exit(0)

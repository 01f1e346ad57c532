/** Opens a space and sends to it: `DATABASE`. Reports the code of what it is told, or "none". */

import { CoterieError, open } from '../../src/index.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [database = ''] = process.argv.slice(2)
hearParent()
try {
  await using space = await open(`sqlite:${database}`)
  await space.sendTo('sink', 'take', { i: 1 })
  tellParent({ event: 'tried', code: 'none' })
} catch (error) {
  tellParent({ event: 'tried', code: error instanceof CoterieError ? error.code : String(error) })
}
process.exit(0)

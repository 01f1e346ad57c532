/**
 * One of several processes that create and use one database at once: `FILE NAME COMMITS`. Prints the space's
 * id.
 */

import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../src/testing/fixtures.ts'

const [file = '', name = '', commits = '0'] = process.argv.slice(2)
const store = openSqlite(`sqlite:${file}`, { synchronous: 'NORMAL', busyTimeoutMs: 20_000 })
const own = (text: string): string => `${name}${text}`.padStart(64, '0')
const space = await store.space('team', {
  record: { ...fakeRecord('@owner', { seq: -1, hash: '' }), hash: own('g') },
})
if (space === undefined) throw new Error('there is no space')
let head = await space.head(`client/${name}`)
for (let i = 0; i < Number(commits); i++) {
  const record = { ...fakeRecord(`client/${name}`, head), hash: own(String(i)) }
  const message = fakeMessage({ to: 'reviewer', from: `client/${name}`, id: `msg_${own(String(i))}` })
  const [outcome] = await space.commit([fakeWrite(record, { messages: [message] })], {
    mailboxDepth: 100_000,
  })
  if (outcome?.type !== 'accepted') throw new Error(`refused: ${JSON.stringify(outcome)}`)
  head = record
}
process.stdout.write(space.id)
await store.close()

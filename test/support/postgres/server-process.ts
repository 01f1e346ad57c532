/** Starts a server, tells where it is, and waits to be killed. */

import { hearParent, tellParent } from '../../helpers/processes.ts'
import { PostgresServer } from './server.ts'

hearParent()
const server = await PostgresServer.start()
tellParent({ event: 'started', postmaster: server.postmaster, data: server.data })

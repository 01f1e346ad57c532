/**
 * Copies the write-ahead log into the database, on a thread of its own, each time it is asked to. It is plain
 * JavaScript because a thread is started from a file, and the file must have one name in the sources and in the
 * package.
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

parentPort.on('message', () => {
  parentPort.postMessage(checkpoint(workerData.file))
})

/** True when it was done. What it could not copy stays in the log, where nothing is lost. */
function checkpoint(file) {
  let db
  try {
    // Opened anew each time: a connection that stayed open would keep the log from being removed at the end.
    db = new DatabaseSync(file)
    // FULL, SQLite's default for a new connection: the log is flushed before it is copied, the copy before it counts.
    db.exec('pragma synchronous = full; pragma wal_checkpoint(passive)')
    return true
  } catch {
    return false
  } finally {
    db?.close()
  }
}

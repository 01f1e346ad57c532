/**
 * Ends what a test process leaves behind, however that process ends: kill -9 too. The watchdog is a process of its own
 * that hears, over a pipe, which folders of servers are in use. When the pipe closes, it ends the servers in them, and
 * removes them.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

let pipe: Writable | undefined

/** Puts a folder under watch, before a server is started in its `data`. */
export function guard(folder: string): void {
  started().write(`guard ${folder}\n`)
}

/** Has a folder cleared that is not needed any more, without waiting for it. */
export function discard(folder: string): void {
  started().write(`discard ${folder}\n`)
}

function started(): Writable {
  if (pipe !== undefined) return pipe
  const script = new URL('watchdog-process.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
    // A session of its own: what ends the group of the test must not end its watchdog.
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.unref()
  // The pipe alone does not keep the test process alive. It is never closed: the end of the process closes it.
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  child.stdin.on('error', () => undefined)
  pipe = child.stdin
  return pipe
}

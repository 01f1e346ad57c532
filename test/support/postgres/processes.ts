/**
 * The processes of a server. Each backend leads a session of its own, so that no signal to a process group reaches them
 * all: they are found by their parent.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The postmaster that runs on a data folder now, if there is one. */
export function postmasterOf(data: string): number | undefined {
  const pid = Number(lockLine(data, 0))
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined
  try {
    // A postmaster works in its data folder. Another process may have been given the number meanwhile.
    return readlinkSync(`/proc/${pid}/cwd`) === data ? pid : undefined
  } catch {
    return existsSync('/proc/self/cwd') || !isAlive(pid) ? undefined : pid
  }
}

/** True once the postmaster takes connections. */
export function isReady(data: string): boolean {
  return lockLine(data, 7)?.trim() === 'ready'
}

/** True while the process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Sends a signal to the postmaster and all its children. Those that are gone meanwhile are passed over. */
export function signalAll(postmaster: number, signal: NodeJS.Signals): void {
  // The postmaster stands still first: otherwise it could start another while its children are being counted.
  if (signal === 'SIGKILL') send(postmaster, 'SIGSTOP')
  for (const child of childrenOf(postmaster)) send(child, signal)
  send(postmaster, signal)
}

/** Resolves when the process is gone; false when it is not, in time. */
export async function isGone(pid: number, timeoutMs: number): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; isAlive(pid);) {
    if (performance.now() > end) return false
    await delay(5)
  }
  return true
}

/**
 * Gives back the small segment of System V memory by which a server guards its data folder: one that was killed leaves
 * it behind, and a system has few of them.
 */
export function removeSharedMemory(data: string): void {
  const segment = lockLine(data, 6)?.trim().split(/\s+/)[1]
  if (segment !== undefined && segment !== '0') spawnSync('ipcrm', ['-m', segment], { stdio: 'ignore' })
}

/** Processor time of the server so far, in milliseconds, as exactly as Linux counts it; 0 elsewhere. */
export function cpuMsOf(postmaster: number | undefined): number {
  if (postmaster === undefined) return 0
  const ticks = [postmaster, ...childrenOf(postmaster)].map((pid) => {
    // utime, stime, and for the postmaster those of its children that have ended.
    const times = statOf(pid).slice(11, pid === postmaster ? 15 : 13)
    return times.reduce((sum, time) => sum + Number(time), 0)
  })
  return ticks.reduce((sum, time) => sum + time, 0) * 10
}

function childrenOf(parent: number): readonly number[] {
  if (!existsSync('/proc/self/stat')) {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
    return rows.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []))
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => Number(statOf(pid)[1]) === parent)
}

/** The fields of a process behind its name: state, parent and so on; none when it is gone. See proc(5). */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program is in parentheses, and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone meanwhile.
  }
}

/** A line of the file that the postmaster keeps in its data folder. */
function lockLine(data: string, index: number): string | undefined {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[index]
  } catch {
    return undefined
  }
}

/**
 * Small disks for processes: mounted in a name space of the child, so that they are gone with it and no test
 * has to clean up.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'

const UNSHARE = ['unshare', '--user', '--map-root-user', '--mount']

/** True where a process may mount a disk of its own. */
export function canMount(): boolean {
  if (process.platform !== 'linux') return false
  const [command, ...args] = [...UNSHARE, 'sh', '-c', 'mount -t tmpfs -o size=64k none "$0"', tmpdir()]
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/**
 * The wrapper that gives a child a disk in memory at a folder, prepared by some commands, before it starts.
 */
export function mounted(folder: string, commands: readonly string[] = [], sizeMiB = 20): readonly string[] {
  const script = [`mount -t tmpfs -o size=${sizeMiB}m none ${folder}`, ...commands, 'exec "$@"'].join(' && ')
  return [...UNSHARE, 'sh', '-c', script, 'sh']
}

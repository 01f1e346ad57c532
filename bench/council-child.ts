/**
 * One member of a council in a process of its own, told by its parent what to measure: a folder, the ports of all
 * members, and its place.
 *
 * @module
 */

import { benchRoster, BenchMember } from './council-member.ts'

/** What the parent asks for. */
export type ChildTask =
  | { readonly what: 'agree'; readonly rounds: number }
  | { readonly what: 'flood'; readonly count: number; readonly width: number }
  | { readonly what: 'cpu' }
  | { readonly what: 'stop' }

const [, , folder = '', ports = '', place = ''] = process.argv
const roster = benchRoster(ports.split(',').map(Number))
const member = new BenchMember(folder, roster, roster.members[Number(place)]?.id ?? '')

async function perform(task: ChildTask): Promise<unknown> {
  switch (task.what) {
    case 'agree': {
      const samples: number[] = []
      for (let round = 0; round < task.rounds; round++) samples.push(await member.agree())
      return samples
    }
    case 'flood':
      return member.flood(task.count, task.width)
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1_000
    }
    case 'stop':
      await member.stop()
      process.disconnect()
      return null
  }
}

process.on('message', (task: ChildTask) => {
  void perform(task).then((value) => {
    if (process.connected) process.send?.({ value: value ?? null })
  })
})
await member.start()
process.send?.({ value: null })

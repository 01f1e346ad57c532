import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { ROOT } from '../repo/files.ts'
import { ended, fail, start, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()

/** A module with an agent whose step takes `ms` and leaves a line in a file each time that it begins. */
function slowModule(name: string, ms: number, more = ''): { readonly module: string; readonly log: string } {
  const log = join(folder, `${name}.log`)
  const module = join(folder, `${name}.mts`)
  const library = JSON.stringify(pathToFileURL(join(ROOT, 'src/index.ts')).href)
  const zod = JSON.stringify(import.meta.resolve('zod'))
  writeFileSync(
    module,
    `import { appendFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { agent, on } from ${library}
import { z } from ${zod}
export const payer = agent('payer', {
  pay: on({ input: z.object({}) }, (turn) => turn.step('pay', async () => {
    appendFileSync(${JSON.stringify(log)}, 'paid\\n')
    ${more}
    await setTimeout(${ms})
  })),
})
`,
  )
  return { module, log }
}

async function untilThere(file: string): Promise<void> {
  for (let waits = 0; waits < 1_000 && !existsSync(file); waits++) await delay(20)
  assert.ok(existsSync(file), `${file} was not written`)
}

test('a worker that is told to stop lets a step end, and the next worker does not repeat it', async () => {
  const { module, log } = slowModule('patient', 1_200)
  const db = ['--db', join(folder, 'patient.db')]
  await succeed(['run', module, '--until-idle', ...db])
  const id = (await succeed(['send', 'payer', 'pay', ...db])).trim()
  const child = start(['run', module, ...db])
  const result = ended(child)
  await untilThere(log)
  child.kill('SIGTERM')
  const { code, stderr } = await result
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^stopping: steps under way have 10\.0 s to end; Ctrl-C again does not wait$/m)
  await succeed(['run', module, '--until-idle', ...db])
  assert.equal(readFileSync(log, 'utf8'), 'paid\n')
  assert.match(await succeed(['why', id, ...db]), /handled/)
})

for (const [name, flags, signals, exit] of [
  ['a second signal does not wait for the steps', [], 2, 130],
  ['with --grace-ms 0 nothing waits for the steps', ['--grace-ms', '0'], 1, 0],
] as const) {
  test(name, async () => {
    const { module, log } = slowModule(`hasty-${exit}`, 20_000)
    const db = ['--db', join(folder, `hasty-${exit}.db`)]
    await succeed(['run', module, '--until-idle', ...db])
    await succeed(['send', 'payer', 'pay', ...db])
    const child = start(['run', module, ...flags, ...db])
    const result = ended(child)
    await untilThere(log)
    for (let signal = 0; signal < signals; signal++) {
      child.kill('SIGINT')
      await delay(100)
    }
    assert.equal((await result).code, exit)
  })
}

test('an error that nobody awaits ends the process with its place, and no stack', async () => {
  const { module } = slowModule('careless', 1, 'void Promise.reject(new Error("forgotten"))')
  const args = ['ask', 'payer', 'pay', '--module', module, '--db', join(folder, 'careless.db')]
  const text = await fail(args, 1, 'Error')
  assert.match(
    text,
    /nobody was waiting for \(\S+careless\.mts:\d+\), and ends this process: forgotten \(Error\)$/m,
  )
  assert.doesNotMatch(text, /^ +at /m)
})

test('an agent that ends the process does not pass for success', async () => {
  const { module } = slowModule('leaving', 1, 'process.exit(0)')
  const args = ['ask', 'payer', 'pay', '--module', module, '--db', join(folder, 'leaving.db')]
  assert.match(await fail(args, 1, 'COTERIE_CLOSED'), /does an agent call process\.exit\?/)
})

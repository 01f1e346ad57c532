import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'
import { agent, on } from '../../src/index.ts'
import {
  code,
  fileOf,
  gate,
  never,
  nothing,
  number,
  recorder,
  start,
  tempUrl,
  test,
  text,
  untilState,
} from './helpers.ts'

const SOURCE = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const ZOD = import.meta.resolve('zod')

/** Runs a program beside the database; answers its exit code and what it printed. */
async function runProgram(
  t: TestContext,
  url: string,
  body: string,
  killAfterMs = 15_000,
): Promise<{ readonly exit: number | null; readonly out: string; readonly err: string }> {
  const file = join(dirname(fileOf(url)), `program-${Math.random().toString(36).slice(2)}.mts`)
  writeFileSync(
    file,
    `import { agent, on, open } from ${JSON.stringify(SOURCE)}
import { z } from ${JSON.stringify(ZOD)}
const url = ${JSON.stringify(url)}
${body}`,
  )
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file])
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const killer = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  const exit = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(killer)
  return { exit, out, err }
}

test('what was sent before close is durable, and what was not handled is handled by the next process', async (t) => {
  const url = tempUrl(t)
  const seen = recorder()
  const sink = agent('sink', {
    take: on({ input: number }, async (turn, n) => {
      await turn.step('work', () => undefined)
      seen.note(n)
    }),
  })
  const one = await start(t, [sink], { url })
  const sends = Array.from({ length: 200 }, (_, n) => one.send(sink.take, n))
  await sends[0]
  await one.close()
  const results = await Promise.allSettled(sends)
  const sent = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []))
  for (const result of results) if (result.status === 'rejected') code('COTERIE_CLOSED')(result.reason)
  const two = await start(t, [sink], { url })
  await two.idle()
  assert.deepEqual([...new Set(seen.seen)], sent)
  assert.equal((await two.status()).messages.handled, sent.length)
})

test('close stops running turns by their signal, and they run again elsewhere', async (t) => {
  const url = tempUrl(t)
  const heard = recorder()
  const reached = gate()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      turn.signal.addEventListener('abort', () => heard.note((turn.signal.reason as { code: string }).code))
      reached.open()
      return never()
    }),
  })
  const one = await start(t, [worker], { url })
  const id = await one.send(worker.go, null)
  await reached.opened
  await one.close()
  await one.close()
  assert.deepEqual(heard.seen, ['COTERIE_CLOSED'])
  const two = await start(t, [agent('worker', { go: on({ input: nothing }, () => null) })], { url })
  await untilState(two, id, 'handled')
})

test('a closed space refuses everything, and says so', async (t) => {
  const url = tempUrl(t)
  const worker = agent('worker', { go: on({ input: nothing }, () => null) })
  const space = await start(t, [worker], { url })
  await space.close()
  const closed = code('COTERIE_CLOSED')
  await assert.rejects(space.send(worker.go, null), closed)
  await assert.rejects(space.ask(worker.go, null), closed)
  await assert.rejects(space.cancel('f'.repeat(32)), closed)
  await assert.rejects(space.receipt('msg_x'), closed)
  await assert.rejects(space.status(), closed)
})

test('who waits for an answer when the space is closed is told how to get it', async (t) => {
  const worker = agent('worker', { go: on({ input: nothing }, () => never<string>()) })
  const space = await start(t, [worker])
  const settled = space.askSettled(worker.go, null)
  const told = assert.rejects(space.ask(worker.go, null), code('COTERIE_CLOSED', /idempotency key/))
  await delay(20)
  await space.close()
  const answer = await settled
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_CLOSED')
  await told
})

test('close with a grace lets a step end: it is recorded, and nobody runs it again', async (t) => {
  const url = tempUrl(t)
  const paid = recorder()
  const reached = gate()
  const answered = gate()
  const worker = agent('worker', {
    go: on({ input: nothing, output: text }, async (turn) => {
      const answer = await turn.step('pay', async ({ signal }) => {
        paid.note('pay')
        reached.open()
        await answered.opened
        return signal.aborted ? 'too late' : 'in time'
      })
      await turn.step('book', () => paid.note('book'))
      return answer
    }),
  })
  const one = await start(t, [worker], { url })
  const id = await one.send(worker.go, null)
  await reached.opened
  const closed = one.close({ graceMs: 20_000 })
  await delay(30)
  answered.open()
  await closed
  const two = await start(t, [worker], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(paid.seen, ['pay', 'book'])
})

test('while a space closes with a grace, no step begins', async (t) => {
  const url = tempUrl(t)
  const begun = recorder()
  const [reached, closing, ready, answered] = [gate(), gate(), gate(), gate()]
  const worker = agent('worker', {
    long: on({ input: nothing }, (turn) =>
      turn.step('long', async () => {
        begun.note('long')
        reached.open()
        await answered.opened
      }),
    ),
    late: on({ input: nothing }, async (turn) => {
      ready.open()
      await closing.opened
      await turn.step('late', () => begun.note('late'))
    }),
  })
  const one = await start(t, [worker], { url })
  await one.send(worker.long, null, { key: 'a' })
  const id = await one.send(worker.late, null, { key: 'b' })
  await Promise.all([reached.opened, ready.opened])
  const closed = one.close({ graceMs: 20_000 })
  closing.open()
  await delay(100)
  answered.open()
  await closed
  assert.deepEqual(begun.seen, ['long'])
  const two = await start(t, [worker], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(begun.seen, ['long', 'late'])
})

test('a step that does not end within the grace is stopped by its signal', async (t) => {
  const reached = gate()
  const heard = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) =>
      turn.step('deaf', ({ signal }) => {
        signal.addEventListener('abort', () => heard.note((signal.reason as { code: string }).code))
        reached.open()
        return never()
      }),
    ),
  })
  const space = await start(t, [worker])
  await space.send(worker.go, null)
  await reached.opened
  for (const graceMs of [-1, 0.5, NaN, Infinity]) {
    await assert.rejects(space.close({ graceMs }), code('COTERIE_INVALID_ARGUMENT'))
  }
  await space.close({ graceMs: 20 })
  assert.deepEqual(heard.seen, ['COTERIE_CLOSED'])
})

test('a step that failed and is to be tried again does not hold up the end', async (t) => {
  const reached = gate()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) =>
      turn.step(
        'fails',
        () => {
          reached.open()
          throw new Error('not yet')
        },
        { retry: { attempts: 3, firstMs: 60_000, factor: 1, maxMs: 60_000 } },
      ),
    ),
  })
  const space = await start(t, [worker])
  await space.send(worker.go, null)
  await reached.opened
  const began = performance.now()
  await space.close({ graceMs: 20_000 })
  assert.ok(performance.now() - began < 10_000)
})

test('close ends while a handler ignores its signal', async (t) => {
  const reached = gate()
  const worker = agent('worker', {
    go: on({ input: text }, async (turn, s) => {
      reached.open()
      await turn.step('deaf', () => never()).catch(() => never())
      return s
    }),
  })
  const space = await start(t, [worker])
  await space.send(worker.go, 'x')
  await reached.opened
  await space.close()
})

test('a program with `await using` ends by itself, with exit code 0', async (t) => {
  const { exit, out, err } = await runProgram(
    t,
    tempUrl(t),
    `
const greeter = agent('greeter', {
  greet: on({ input: z.object({ name: z.string() }) }, (_turn, { name }) => 'hello ' + name),
})
{
  await using space = await open(url, { agents: [greeter] })
  console.log(await space.ask(greeter.greet, { name: 'world' }))
}`,
  )
  assert.equal(err, '')
  assert.equal(out, 'hello world\n')
  assert.equal(exit, 0)
})

test('a program that waits for an answer of another process stays until it has it', async (t) => {
  const url = tempUrl(t)
  const oracle = agent('oracle', {
    tell: on({ input: nothing }, async (turn) => {
      await turn.sleep(300)
      return 'at last'
    }),
  })
  const server = await start(t, [oracle], { url })
  const { exit, out, err } = await runProgram(
    t,
    url,
    `
const oracle = agent('oracle', { tell: on({ input: z.null() }, () => 'never') })
await using space = await open(url)
console.log(await space.ask(oracle.tell, null))`,
  )
  assert.equal(err, '')
  assert.equal(out, 'at last\n')
  assert.equal(exit, 0)
  assert.equal((await server.status()).messages.handled, 2)
})

test('an open space keeps its program alive until it is closed', async (t) => {
  const url = tempUrl(t)
  const { exit, out } = await runProgram(
    t,
    url,
    `
const space = await open(url)
setTimeout(() => { console.log('still here'); void space.close() }, 200).unref()`,
  )
  assert.equal(out, 'still here\n')
  assert.equal(exit, 0)
})

test('a program that is killed in the middle of a turn loses nothing: another goes on', async (t) => {
  const url = tempUrl(t)
  const { exit, out } = await runProgram(
    t,
    url,
    `
const worker = agent('worker', {
  go: on({ input: z.null() }, async (turn) => {
    await turn.step('first', () => console.log('first'))
    await turn.step('second', () => process.kill(process.pid, 'SIGKILL'))
  }),
})
const space = await open(url, { agents: [worker], limits: { leaseMs: 200 } })
await space.send(worker.go, null, { idempotencyKey: 'it' })
await new Promise(() => undefined)`,
  )
  assert.equal(exit, null)
  assert.equal(out, 'first\n')
  const ran = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      await turn.step('first', () => ran.note('first'))
      await turn.step('second', () => ran.note('second'))
    }),
  })
  const space = await start(t, [worker], { url, limits: { leaseMs: 200 } })
  const [mail] = await space.store.messagesOf({ trace: await traceOf(space.store), limit: 1 })
  await untilState(space, mail?.envelope.id ?? '', 'handled')
  assert.deepEqual(ran.seen, ['second'])
})

/** The trace of the first message of a space. */
async function traceOf(store: Awaited<ReturnType<typeof start>>['store']): Promise<string> {
  const [mail] = await store.messagesOf({ after: -1, limit: 1 })
  return mail?.envelope.trace ?? ''
}

/**
 * Runs a script of this project under the project's own Node, and installs the dependencies first when they
 * are missing or older than the lock file: `node scripts/run.mjs SCRIPT [ARGUMENT...]`.
 *
 * Plain JavaScript without dependencies, because it is what an older Node on the host runs.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.coterie-stamp')
const LOCK = join(MODULES, '.coterie-install')
const WINDOWS = process.platform === 'win32'
const NODE = join(MODULES, 'node', 'bin', WINDOWS ? 'node.exe' : 'node')

/** How long one start waits for the install of another, in milliseconds. */
const LOCK_WAIT_MS = 600_000
/** A lock without an owner's name is abandoned after this: its maker stopped between two system calls. */
const NAMELESS_LOCK_MS = 10_000
const POLL_MS = 100

/** What the installed dependencies must match: the lock file, and what package.json says about dependencies. */
function wantedStamp() {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { dependencies, devDependencies, peerDependencies, optionalDependencies, allowScripts } = manifest
  const asked = { dependencies, devDependencies, peerDependencies, optionalDependencies, allowScripts }
  const hash = createHash('sha256').update(JSON.stringify(asked))
  const lockFile = join(ROOT, 'package-lock.json')
  if (existsSync(lockFile)) hash.update(readFileSync(lockFile))
  return hash.digest('hex')
}

function isInstalled() {
  return existsSync(NODE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8').trim() === wantedStamp()
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** True when this process made the folder, false when it was there. */
function makeFolder(path) {
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** True when all who hold the lock are gone for certain: a start, and the npm that it began. */
function isAbandoned(lock) {
  try {
    const pids = readFileSync(join(lock, 'pid'), 'utf8').trim().split('\n')
    return !pids.some((pid) => isAlive(Number(pid)))
  } catch {
    // No name in it yet, or it was given back a moment ago: then statSync throws, and nothing is abandoned.
    try {
      return Date.now() - statSync(lock).mtimeMs > NAMELESS_LOCK_MS
    } catch {
      return false
    }
  }
}

/** Removes an abandoned lock. A second folder makes sure that only one process does, and looks again first. */
function clearAbandoned() {
  const broom = `${LOCK}-clearing`
  if (!makeFolder(broom)) {
    if (isAbandoned(broom)) rmSync(broom, { recursive: true, force: true })
    return
  }
  try {
    writeFileSync(join(broom, 'pid'), `${process.pid}\n`)
    if (isAbandoned(LOCK)) rmSync(LOCK, { recursive: true, force: true })
  } finally {
    rmSync(broom, { recursive: true, force: true })
  }
}

/** Runs `task` while no other start of this project does. */
async function withLock(task) {
  mkdirSync(MODULES, { recursive: true })
  const giveUpAt = Date.now() + LOCK_WAIT_MS
  let told = false
  while (!makeFolder(LOCK)) {
    if (isAbandoned(LOCK)) clearAbandoned()
    else if (Date.now() > giveUpAt) {
      throw new Error(
        `Another install has held ${LOCK} for ${LOCK_WAIT_MS / 1000} s; remove it if none runs.`,
      )
    } else {
      if (!told) process.stderr.write('coterie: waiting for another install of the dependencies to end\n')
      told = true
      await sleep(POLL_MS)
    }
  }
  try {
    writeFileSync(join(LOCK, 'pid'), `${process.pid}\n`)
    await task()
  } finally {
    rmSync(LOCK, { recursive: true, force: true })
  }
}

/** The environment for npm: without this project's own Node in the path, which the install may replace. */
function installEnvironment() {
  const env = { ...process.env }
  const bin = join(MODULES, '.bin')
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => resolve(folder) !== bin)
  const name = WINDOWS ? 'node.exe' : 'node'
  if (folders.some((folder) => existsSync(join(folder, name)))) env.PATH = folders.join(delimiter)
  return env
}

/** Runs npm to its end. Its own report goes to stderr: stdout belongs to the script alone. */
function npmInstall() {
  const args = ['install', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const child = spawn('npm', args, {
    cwd: ROOT,
    env: installEnvironment(),
    shell: WINDOWS,
    stdio: ['ignore', 2, 2],
  })
  // Should this process be killed, npm goes on, and the lock must hold until it ends.
  if (child.pid !== undefined) appendFileSync(join(LOCK, 'pid'), `${child.pid}\n`)
  const stop = passSignals(child)
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`npm could not be started: ${error.message}`)))
    child.on('exit', (code, signal) => {
      stop()
      if (code === 0) resolve()
      else reject(new Error(`npm install failed (${signal ?? `exit code ${code}`}); its reason is above.`))
    })
  })
}

async function install() {
  process.stderr.write('coterie: installing the dependencies (npm install)\n')
  const startedAt = Date.now()
  await npmInstall()
  if (!existsSync(NODE)) {
    throw new Error(
      `npm install ended well, but ${NODE} is missing: its install script did not run. ` +
        'Allow it (npm config: ignore-scripts=false) and run npm rebuild node.',
    )
  }
  // The hash is taken afterwards: npm may have rewritten the lock file.
  writeFileSync(STAMP, `${wantedStamp()}\n`)
  process.stderr.write(`coterie: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

async function ensureInstalled() {
  if (isInstalled()) return
  await withLock(async () => {
    // Another start may have done it while this one waited.
    if (!isInstalled()) await install()
  })
}

/** Passes signals on to a child; the returned function ends that. */
function passSignals(child) {
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    const handler = () => {
      // A terminal sends Ctrl-C to the child too; passing it on would make it two.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    process.on(signal, handler)
    return [signal, handler]
  })
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

/** Starts the script, passes signals on to it, and ends as it ends. */
function start(args) {
  const [first, ...rest] = args
  const script = first.startsWith('-') || isAbsolute(first) ? first : join(ROOT, first)
  const child = spawn(NODE, ['--disable-warning=ExperimentalWarning', script, ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(MODULES, '.bin')}${delimiter}${process.env.PATH ?? ''}` },
  })
  passSignals(child)
  child.on('error', (error) => fail(`${NODE} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal]
  })
}

function fail(message) {
  process.stderr.write(`coterie: ${message}\n`)
  process.exitCode = 1
}

async function main(args) {
  if (args.length === 0) {
    process.stderr.write('usage: node scripts/run.mjs SCRIPT [ARGUMENT...]\n')
    process.exitCode = 2
    return
  }
  try {
    await ensureInstalled()
  } catch (error) {
    fail(error.message)
    return
  }
  start(args)
}

await main(process.argv.slice(2))

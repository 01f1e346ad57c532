/** The layers of src/ as data, and one pure function that says what a file does against them. */
import { codeOnly, importsOf, lineAt, type ImportFound } from './source-text.ts'

/** Folders of pure rules and state machines. */
const PURE: readonly string[] = [
  'log',
  'mailbox',
  'turn',
  'state',
  'voting',
  'merkle',
  'bft',
  'council',
  'team',
]

/** Which pure folder may use which other. The graph has no cycle, and no edge that nobody uses. */
export const PURE_EDGES: Readonly<Record<string, readonly string[]>> = {
  bft: ['log'],
  council: ['bft', 'voting'],
  log: ['merkle'],
  mailbox: ['log'],
  turn: ['council', 'voting'],
  voting: ['log'],
}

/** Files and folders that put the parts together: they may import every layer below them. */
const ROOTS: readonly string[] = ['index.ts', 'open.ts', 'open-council.ts', 'server', 'cli']

/** Modules from outside that a folder may import. A folder that is not named here may import none. */
const DRIVERS: Readonly<Record<string, readonly RegExp[]>> = {
  'stores/sqlite': [/^node:/],
  'stores/postgres': [/^node:/, /^pg$/],
  'adapters/node': [/^node:/],
  'adapters/http': [/^node:/, /^hono$/, /^@hono\//],
  'adapters/otel': [/^@opentelemetry\//],
  'open.ts': [/^node:/],
  'open-council.ts': [/^node:/],
  server: [/^node:/],
  cli: [/^node:/, /^commander$/],
  testing: [/^node:/, /^fast-check$/],
}

/** Pure files that name the type `Promise` because a caller's or a handler's signature has it. */
const PROMISE_NAMED: readonly string[] = [
  'core/schema.ts',
  'turn/council.ts',
  'turn/definition.ts',
  'turn/turn.ts',
  'turn/vote.ts',
]

interface Ban {
  readonly what: string
  readonly pattern: RegExp
}

/** A global by its own name: not a property, not a key; to ask whether a value is an instance of it is harmless. */
function global(name: string): Ban {
  return {
    what: name,
    pattern: new RegExp(String.raw`(?<![.\w$])(?<!\binstanceof\s+)${name}\b(?!\s*\??:)`, 'g'),
  }
}

/** Time, chance and the outside world: the runtime gets them through ports, the pure code as values. */
const WORLD: readonly Ban[] = [
  ...[
    'Date',
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'process',
    'console',
    'fetch',
  ].map(global),
  ...['performance', 'globalThis'].map(global),
  { what: 'Math.random', pattern: /(?<![.\w$])Math\s*\.\s*random\b/g },
  { what: 'the global crypto', pattern: /(?<![.\w$])crypto\s*\.\s*(?:subtle|getRandomValues|randomUUID)\b/g },
]

const WAITING: readonly Ban[] = [
  global('async'),
  global('await'),
  { what: 'a promise', pattern: /\bnew\s+Promise\b|(?<![.\w$])Promise\s*\.|\.then\s*\(/g },
]

const PROMISE_NAME = global('Promise')

/** The unit of src/ that a path belongs to: `core`, `stores/sqlite`, `open.ts`. */
function unitOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'stores' || first === 'adapters' ? `${first}/${second}` : first
}

function isPure(unit: string): boolean {
  return unit === 'core' || PURE.includes(unit)
}

/** Why a file of one unit may not import another unit, or undefined when it may. */
function importProblem(from: string, to: string, typeOnly: boolean): string | undefined {
  if (from === to) return undefined
  if (from === 'core') return 'core imports nothing but itself'
  if (to === 'cli') return 'nothing imports the command line'
  if (from === 'testing') return undefined
  if (to === 'testing') return 'nothing imports the testing folder'
  if (ROOTS.includes(from)) return undefined
  if (to === 'core') return from === 'ports' && !typeOnly ? 'ports import only types from core' : undefined
  if (from === 'ports') return 'ports import only core'
  if (to === 'ports')
    return isPure(from) && !typeOnly ? 'pure folders import only types from ports' : undefined
  if (PURE.includes(to)) {
    if (!PURE.includes(from) || PURE_EDGES[from]?.includes(to) === true) return undefined
    return `${from} -> ${to} is not among the declared edges between pure folders`
  }
  return `${from} may not import ${to}`
}

function outsideProblem(from: string, specifier: string): string | undefined {
  const allowed = DRIVERS[from] ?? []
  return allowed.some((pattern) => pattern.test(specifier))
    ? undefined
    : `${from} may not import ${specifier}`
}

/** The path inside src/ that a relative specifier means; undefined when it leads outside. */
function resolveInside(path: string, specifier: string): string | undefined {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined
    } else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function judgeImport(path: string, found: ImportFound): string | undefined {
  const from = unitOf(path)
  if (found.specifier === '<computed>') return isPure(from) ? 'a computed import() in pure code' : undefined
  if (!found.specifier.startsWith('.')) return outsideProblem(from, found.specifier)
  const target = resolveInside(path, found.specifier)
  if (target === undefined) return `${found.specifier} leads out of src/`
  if (!target.endsWith('.ts')) return `${found.specifier} does not end in .ts`
  return importProblem(from, unitOf(target), found.typeOnly)
}

function bansFor(path: string): readonly Ban[] {
  const unit = unitOf(path)
  if (unit === 'runtime') return WORLD
  if (!isPure(unit)) return []
  return PROMISE_NAMED.includes(path) ? [...WORLD, ...WAITING] : [...WORLD, ...WAITING, PROMISE_NAME]
}

function isKnown(unit: string): boolean {
  const layers = ['core', 'ports', 'runtime', 'testing', ...PURE, ...ROOTS]
  return layers.includes(unit) || /^(?:stores|adapters)\/[a-z0-9-]+$/.test(unit)
}

/** What the file does against the layers, one line each. `path` is inside src/. */
export function violations(path: string, text: string): readonly string[] {
  const found: string[] = []
  if (!isKnown(unitOf(path))) found.push(`${path}: no layer is called ${unitOf(path)}`)
  for (const each of importsOf(text)) {
    const problem = judgeImport(path, each)
    if (problem !== undefined) found.push(`${path}:${each.line}: ${problem}`)
  }
  const code = codeOnly(text)
  for (const ban of bansFor(path)) {
    for (const match of code.matchAll(ban.pattern)) {
      found.push(`${path}:${lineAt(text, match.index)}: ${unitOf(path)} may not use ${ban.what}`)
    }
  }
  return found
}

/** The edges between pure folders that the file uses, as `turn -> log`. */
export function edgesOf(path: string, text: string): readonly string[] {
  const from = unitOf(path)
  if (!PURE.includes(from)) return []
  return importsOf(text)
    .map((found) => (found.specifier.startsWith('.') ? resolveInside(path, found.specifier) : undefined))
    .filter((target) => target !== undefined)
    .map(unitOf)
    .filter((to) => to !== from && PURE.includes(to))
    .map((to) => `${from} -> ${to}`)
}

/** Makes dist/ from src/: `npm run build`. */
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT, tool } from './tool.mjs'

const DIST = join(ROOT, 'dist')
const SRC = join(ROOT, 'src')

rmSync(DIST, { recursive: true, force: true })
const { code } = tool('tsc', ['-p', 'tsconfig.build.json'])
if (code !== 0) {
  // What is half made must not be packed, or found by its name.
  rmSync(DIST, { recursive: true, force: true })
  process.exit(code)
}

// The compiler leaves behind what is not TypeScript, such as the migrations of the SQL stores.
let assets = 0
for (const entry of globSync('**/*', { cwd: SRC, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.ts')) continue
  const from = join(entry.parentPath, entry.name)
  const to = join(DIST, from.slice(SRC.length))
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  assets += 1
}

const bin = join(DIST, 'cli', 'bin.js')
if (existsSync(bin)) chmodSync(bin, 0o755)
process.stdout.write(`dist: ${globSync('**/*.js', { cwd: DIST }).length} modules, ${assets} other files\n`)

/**
 * Installs the package as a user would, and runs the example of the README with it: `npm run pack:check`.
 * The first `ts` block of README.md is the program; the first `text` block after it is what it must print.
 */
import assert from 'node:assert/strict'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, ROOT, script } from './tool.mjs'

const PROGRAM_TIMEOUT_MS = 60_000

/** The program of the README and its output. */
function readmeExample() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const found = /^```ts\n([^]*?)^```$[^]*?^```text\n([^]*?)^```$/m.exec(readme)
  assert.ok(found, 'README.md has no ts block that a text block follows.')
  return { program: found[1], output: found[2] }
}

/** Trailing spaces and empty lines at the end say nothing. */
function tidy(text) {
  return text.replaceAll(/[ \t]+$/gm, '').trimEnd()
}

/** The packages that the program imports besides this one, with the versions that this project has. */
function companions(program, manifest) {
  const versions = { ...manifest.dependencies, ...manifest.devDependencies }
  const names = [...program.matchAll(/\bfrom\s+'([^'.][^']*)'/g)]
    .map((match) => match[1])
    .filter(
      (name) => !name.startsWith('node:') && name !== manifest.name && !name.startsWith(`${manifest.name}/`),
    )
  return [...new Set(names), '@types/node'].map((name) => {
    assert.ok(versions[name], `The program of the README imports ${name}, which package.json does not name.`)
    return `${name}@${versions[name]}`
  })
}

/** Runs a command, and fails with all that it printed unless it ends well. */
function must(what, name, args, options) {
  const { code, stdout, stderr } = command(name, args, { capture: true, ...options })
  assert.equal(code, 0, `${what} failed (exit code ${code}):\n${stdout}${stderr}`)
  process.stdout.write(`pass  ${what}\n`)
  return stdout
}

function pack(folder) {
  assert.equal(script('build.mjs', []).code, 0, 'The build failed.')
  must('npm pack', 'npm', ['pack', '--pack-destination', folder, '--loglevel=error'])
  const [tarball] = globSync('*.tgz', { cwd: folder })
  assert.ok(tarball, 'npm pack made no tarball.')
  return join(folder, tarball)
}

function checkTypes(project) {
  const config = {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      types: ['node'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      // The declarations of the package are what is checked here.
      skipLibCheck: false,
      noEmit: true,
    },
    files: ['example.ts', 'entry-points.ts'],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  must('the installed types', tsc, ['-p', project, '--pretty', 'false'], { cwd: project })
}

function check(folder) {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { program, output } = readmeExample()
  const tarball = pack(folder)

  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const packages = [tarball, ...companions(program, manifest)]
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  must('npm install of the tarball', 'npm', ['install', ...quiet, ...packages], { cwd: project })

  writeFileSync(join(project, 'example.ts'), program)
  const run = ['--disable-warning=ExperimentalWarning', 'example.ts']
  const options = { cwd: project, timeoutMs: PROGRAM_TIMEOUT_MS }
  const printed = must('the example of the README', process.execPath, run, options)
  assert.equal(tidy(printed), tidy(output), 'The example prints something else than the README says.')
  process.stdout.write('pass  its output is what the README says\n')

  const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')
  const imports = subpaths.map((subpath) => `import '${manifest.name}${subpath.slice(1)}'`)
  writeFileSync(join(project, 'entry-points.ts'), `${imports.join('\n')}\n`)
  must(
    'every entry point loads',
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'entry-points.ts'],
    options,
  )

  const help = must('npx coterie --help', 'npx', ['--no-install', 'coterie', '--help'], options)
  assert.match(help, /usage/i)
  checkTypes(project)
}

const folder = mkdtempSync(join(tmpdir(), 'coterie-pack-'))
try {
  check(folder)
  process.stdout.write('pack:check: all passed\n')
} catch (error) {
  process.stderr.write(`pack:check: ${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

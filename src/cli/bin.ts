#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/**
 * What is installed as `coterie`: looks at the version of Node before anything is loaded that an older one lacks.
 *
 * @module
 */

const [MAJOR, MINOR] = [22, 18]
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < MAJOR || (major === MAJOR && minor < MINOR)) {
  const needs = `Coterie needs Node ${MAJOR}.${MINOR} or later, and this is ${process.versions.node}`
  process.stderr.write(`error: ${needs}: install a newer one. (COTERIE_USAGE)\n`)
  process.exitCode = 2
} else {
  await import('./main.ts')
}

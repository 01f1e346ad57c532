/** Formats every file of the project: `npm run format`. */
import { tool } from './tool.mjs'

process.exitCode = tool('oxfmt', process.argv.slice(2)).code

/**
 * How a member of the demo's council forms its opinion: `coterie council run FOLDER --judge judge.ts`. The member's
 * name is in the environment.
 *
 * @module
 */

import type { Judge } from '../../src/open-council.ts'
import { opinionOf } from './panel.ts'

const self = process.env['COUNCIL_MEMBER'] ?? ''

const judge: Judge = ({ subject }) => opinionOf(self, subject)

export default judge

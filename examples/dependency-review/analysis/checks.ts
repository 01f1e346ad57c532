import { checkAttribution } from './attribution.ts'
import { checkCode } from './code.ts'
import { checkDeprecation } from './deprecation.ts'
import { checkDuplicates } from './duplicates.ts'
import { checkEngines } from './engines.ts'
import type { Check, CheckName } from './finding.ts'
import { checkInstallScripts } from './install-scripts.ts'
import { checkIntegrity } from './integrity.ts'
import { checkLicences } from './licences.ts'
import { checkLookAlikes } from './look-alikes.ts'
import { checkProvenance } from './provenance.ts'

/** All checks by name. */
export const checks: Readonly<Record<CheckName, Check>> = {
  provenance: checkProvenance,
  integrity: checkIntegrity,
  'install-scripts': checkInstallScripts,
  'look-alikes': checkLookAlikes,
  code: checkCode,
  licences: checkLicences,
  attribution: checkAttribution,
  deprecation: checkDeprecation,
  duplicates: checkDuplicates,
  engines: checkEngines,
}

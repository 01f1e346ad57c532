/** What the policy says of one licence, best first. */
export type Verdict = 'allowed' | 'review' | 'denied'

/**
 * A licence policy as data. Identifiers are SPDX short identifiers without `+`, `-only` and `-or-later`:
 * one entry covers all forms of a version. They are compared without regard to case.
 */
export type LicencePolicy = {
  readonly allowed: readonly string[]
  /** May be used under conditions that somebody has to check, such as staying a separate library. */
  readonly review: readonly string[]
  readonly denied: readonly string[]
  /** Exceptions that lift a denied licence to `review`, because they permit linking. */
  readonly liftingExceptions: readonly string[]
  /** What packages write, in lower case, and the SPDX expression they mean by it. */
  readonly spellings: Readonly<Record<string, string>>
}

/** For software that is distributed without its source: permissive licences in, strong copyleft out. */
export const defaultPolicy: LicencePolicy = {
  allowed: [
    '0BSD',
    'AFL-2.1',
    'AFL-3.0',
    'Apache-1.1',
    'Apache-2.0',
    'Artistic-2.0',
    'BlueOak-1.0.0',
    'BSD-1-Clause',
    'BSD-2-Clause',
    'BSD-2-Clause-Patent',
    'BSD-3-Clause',
    'BSD-3-Clause-Clear',
    'BSL-1.0',
    'CC-BY-3.0',
    'CC-BY-4.0',
    'CC0-1.0',
    'curl',
    'ISC',
    'JSON',
    'libpng-2.0',
    'MIT',
    'MIT-0',
    'MITNFA',
    'MS-PL',
    'NCSA',
    'OFL-1.1',
    'PostgreSQL',
    'PSF-2.0',
    'Python-2.0',
    'Unicode-3.0',
    'Unicode-DFS-2016',
    'Unlicense',
    'UPL-1.0',
    'W3C',
    'W3C-20150513',
    'WTFPL',
    'X11',
    'Zlib',
    'ZPL-2.1',
  ],
  review: [
    'APSL-2.0',
    'BSD-4-Clause',
    'CC-BY-SA-3.0',
    'CC-BY-SA-4.0',
    'CDDL-1.0',
    'CDDL-1.1',
    'CPL-1.0',
    'EPL-1.0',
    'EPL-2.0',
    'EUPL-1.1',
    'EUPL-1.2',
    'LGPL-2.0',
    'LGPL-2.1',
    'LGPL-3.0',
    'MPL-1.1',
    'MPL-2.0',
    'OSL-3.0',
    'Ruby',
  ],
  denied: [
    'AGPL-1.0',
    'AGPL-3.0',
    'BUSL-1.1',
    'CC-BY-NC-3.0',
    'CC-BY-NC-4.0',
    'CC-BY-NC-ND-4.0',
    'CC-BY-NC-SA-4.0',
    'CC-BY-ND-4.0',
    'Elastic-2.0',
    'GPL-1.0',
    'GPL-2.0',
    'GPL-3.0',
    'PolyForm-Noncommercial-1.0.0',
    'PolyForm-Small-Business-1.0.0',
    'SSPL-1.0',
  ],
  liftingExceptions: [
    'Classpath-exception-2.0',
    'Font-exception-2.0',
    'GCC-exception-2.0',
    'GCC-exception-3.1',
    'Linux-syscall-note',
    'openvpn-openssl-exception',
    'Universal-FOSS-exception-1.0',
  ],
  spellings: {
    'apache 2': 'Apache-2.0',
    'apache 2.0': 'Apache-2.0',
    apache2: 'Apache-2.0',
    'apache-2': 'Apache-2.0',
    'apache license 2.0': 'Apache-2.0',
    'apache license, version 2.0': 'Apache-2.0',
    // Any of the permissive BSD licences, and the policy treats these alike.
    bsd: 'BSD-2-Clause',
    'bsd-2': 'BSD-2-Clause',
    'bsd-3': 'BSD-3-Clause',
    'bsd 3-clause': 'BSD-3-Clause',
    'new bsd': 'BSD-3-Clause',
    gpl: 'GPL-2.0-or-later',
    gplv2: 'GPL-2.0-only',
    'gpl-2': 'GPL-2.0-only',
    gplv3: 'GPL-3.0-only',
    'gpl-3': 'GPL-3.0-only',
    'lgpl-3': 'LGPL-3.0-only',
    lgpl: 'LGPL-2.1-or-later',
    'mit license': 'MIT',
    'the mit license': 'MIT',
    'mit*': 'MIT',
    'mit/x11': 'MIT',
    'mit/isc': '(MIT OR ISC)',
    'mpl 2.0': 'MPL-2.0',
    mpl2: 'MPL-2.0',
    // A statement rather than a licence, but one that asks for nothing.
    'public domain': 'CC0-1.0',
    'public-domain': 'CC0-1.0',
    wtfpl2: 'WTFPL',
  },
}

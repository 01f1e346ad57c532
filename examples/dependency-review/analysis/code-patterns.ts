/** What a piece of code does that a reviewer wants to know. */
export type Trait =
  | 'evaluates text'
  | 'evaluates decoded text'
  | 'is obfuscated'
  | 'starts programs'
  | 'uses the network'
  | 'reads secrets'
  | 'pipes a download into a shell'

const OBFUSCATED_NAME = /\b_0x[0-9a-f]{4,6}\b/g
/** Tools that obfuscate leave hundreds; a few may be someone's test data. */
const OBFUSCATED_NAMES_MIN = 20

/** Each takes time linear in the length of the code, as the code may be written to make them slow. */
const PATTERNS: readonly (readonly [Trait, RegExp])[] = [
  ['evaluates text', /(?<![\w$.])eval\s*\(|\bnew\s+Function\s*\(/],
  ['evaluates decoded text', /(?<![\w$.])(?:eval|Function)\s*\(\s*(?:atob|Buffer\.from)\s*\(/],
  ['starts programs', /['"](?:node:)?child_process['"]/],
  [
    'uses the network',
    /['"](?:node:)?(?:https?|net|tls|dgram|dns|http2)['"]|(?<![\w$.])fetch\s*\(|\bXMLHttpRequest\b/,
  ],
  ['uses the network', /\b(?:curl|wget)\s|\bInvoke-WebRequest\b/],
  ['reads secrets', /\.npmrc\b|\.ssh\/|\bid_(?:rsa|ed25519)\b|\.aws\/|\.bash_history\b|\bwallet\.dat\b/],
  ['reads secrets', /\b(?:NPM|GITHUB|GH|NODE_AUTH)_TOKEN\b|\bAWS_SECRET|\/etc\/(?:passwd|shadow)\b/],
  ['pipes a download into a shell', /\b(?:curl|wget)\s[^|\n;]{0,400}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/],
]

/** The traits of this code, by the look of it: nothing is parsed, and nothing is run. */
export function traitsOf(code: string): ReadonlySet<Trait> {
  const traits = new Set<Trait>()
  for (const [trait, pattern] of PATTERNS) {
    if (pattern.test(code)) traits.add(trait)
  }
  if (code.includes('_0x') && (code.match(OBFUSCATED_NAME)?.length ?? 0) >= OBFUSCATED_NAMES_MIN) {
    traits.add('is obfuscated')
  }
  return traits
}

const LOCAL_MODULE = /(?:\brequire\s*\(|\bimport(?:\s*\()?|\bfrom)\s*['"](\.{1,2}\/[^'"\n]{1,200})['"]/g

/** The files of its own package that this code loads, as it names them. */
export function localModulesOf(code: string): string[] {
  return [...code.matchAll(LOCAL_MODULE)].flatMap((match) => match[1] ?? []).slice(0, 32)
}

/** The words of a shell command that may be files of the package. */
export function filesNamedIn(command: string): string[] {
  const required = command.matchAll(/require\(\s*['"]([^'"]{1,200})['"]/g)
  const quoted = [...required].flatMap((match) => match[1] ?? [])
  const words = command.split(/[\s;&|()<>"'`]+/).filter((word) => /^(?:\.{0,2}\/)?[\w@][\w@./-]*$/.test(word))
  return [...new Set([...quoted, ...words])].slice(0, 32)
}

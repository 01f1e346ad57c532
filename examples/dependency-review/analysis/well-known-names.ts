/**
 * Well-known packages of the npm registry: the most famous, then the most downloaded (counts of 2026),
 * then others that an alarm would be false for. The first ones are worth imitating; all of them are too
 * established to be an imitation of one another.
 */
export const wellKnownNames: readonly string[] = `
react react-dom vue express lodash axios typescript webpack eslint prettier chalk commander moment request
jquery electron next nuxt svelte preact angular @angular/core mongoose mongodb nodemailer nodemon cross-env
discord.js puppeteer playwright cypress jest mocha vite rollup esbuild dotenv underscore bootstrap socket.io
jsonwebtoken bcrypt bcryptjs passport sequelize typeorm prisma knex redis ioredis mysql mysql2 sqlite3
better-sqlite3 web3 ethers @solana/web3.js bitcoinjs-lib openai @anthropic-ai/sdk @modelcontextprotocol/sdk
langchain fastify graphql zod rxjs tailwindcss postcss styled-components ember-cli gulp grunt serialport
fabric pm2 node-sass sass node-fetch winston body-parser cookie-parser date-fns colors telegraf three d3
@babel/cli @babel/core @types/node node-gyp tslint semver ansi-styles debug minimatch strip-ansi
supports-color string-width ansi-regex ms lru-cache brace-expansion tslib emoji-regex wrap-ansi type-fest glob
color-name color-convert source-map has-flag readable-stream picomatch ajv safe-buffer escape-string-regexp
uuid yallist signal-exit react-is is-fullwidth-code-point which p-limit json-schema-traverse find-up
locate-path p-locate mime-db eslint-visitor-keys telecom-mas-agent minipass glob-parent iconv-lite
string_decoder js-yaml isarray mime-types @babel/types @babel/code-frame globals path-key yargs-parser ws
resolve get-stream argparse @babel/parser yargs pretty-format ignore undici-types acorn isexe cross-spawn
balanced-match resolve-from @rollup/rollup-linux-x64-musl fs-extra camelcase cliui @jridgewell/trace-mapping
punycode @babel/helper-validator-identifier @babel/generator is-stream entities agent-base estraverse
strip-json-comments shebang-regex shebang-command json5 @babel/traverse webidl-conversions path-exists
path-to-regexp whatwg-url https-proxy-agent onetime form-data tr46 @babel/template execa eslint-scope inherits
convert-source-map rimraf negotiator qs get-intrinsic @babel/helper-module-imports @babel/runtime statuses
universalify fast-deep-equal minimist picocolors @babel/helper-module-transforms chokidar @babel/compat-data
@babel/helpers has-symbols @jest/types @typescript-eslint/types @babel/helper-compilation-targets
function-bind caniuse-lite npm-run-path js-tokens graceful-fs @babel/helper-string-parser is-number bytes
@jridgewell/sourcemap-codec readdirp @types/estree mimic-fn slash @typescript-eslint/typescript-estree y18n
browserslist electron-to-chromium kind-of @typescript-eslint/visitor-keys yaml buffer cookie jsesc braces
fill-range @babel/helper-plugin-utils hasown ini escalade @jridgewell/gen-mapping human-signals mkdirp gopd
http-errors micromatch @typescript-eslint/scope-manager strip-bom es-object-atoms concat-map make-dir is-glob
es-define-property nanoid @smithy/util-utf8 es-errors to-regex-range @babel/helper-validator-option
call-bind-apply-helpers schema-utils @esbuild/linux-x64 update-browserslist-db path-scurry yocto-queue
node-releases ci-info dunder-proto math-intrinsics mime get-proto @jridgewell/resolve-uri has-tostringtag
uri-js magic-string object-inspect fast-glob pify @aws-sdk/types @typescript-eslint/utils
@smithy/util-buffer-from http-proxy-agent is-extglob strip-final-newline parse-json espree once
source-map-support content-disposition jest-util es-set-tostringtag is-wsl wrappy @sinclair/typebox
safer-buffer normalize-path side-channel is-core-module cosmiconfig util-deprecate jsonfile
@img/sharp-linuxmusl-x64 ansi-escapes @img/sharp-libvips-linuxmusl-x64 encodeurl jest-worker
@smithy/is-array-buffer depd jackspeak scheduler doctrine @smithy/types postcss-selector-parser
lightningcss-linux-x64-musl flat-cache @types/yargs @unrs/resolver-binding-linux-x64-musl callsites
delayed-stream @opentelemetry/core is-arrayish @typescript-eslint/parser asynckit require-from-string
combined-stream file-entry-cache source-map-js is-docker @jest/schemas object-assign eastasianwidth parse5 arg
@tailwindcss/oxide-linux-x64-musl estree-walker fastq send get-caller-file finalhandler esprima import-fresh
path-parse raw-body range-parser @types/json-schema optionator anymatch esutils type-check restore-cursor
call-bound diff csstype write-file-atomic @types/react setprototypeof path-type keyv
supports-preserve-symlinks-flag async foreground-child on-finished levn prelude-ls vary
fast-json-stable-stringify globby cli-cursor @typescript-eslint/eslint-plugin slice-ansi base64-js
@nodelib/fs.stat merge-stream eventemitter3 detect-libc serve-static lines-and-columns require-directory
@typescript-eslint/type-utils reusify tough-cookie sprintf-js @babel/helper-globals follow-redirects jiti
imurmurhash hosted-git-info json-parse-even-better-errors open is-plain-obj parent-module flatted
@isaacs/cliui call-bind core-util-is @nodelib/fs.walk @nodelib/fs.scandir esquery @eslint/eslintrc
fast-levenshtein gensync type-is ieee754 accepts @eslint/js @radix-ui/react-slot side-channel-weakmap
side-channel-map side-channel-list istanbul-lib-instrument aria-query media-typer chownr ipaddr.js
run-parallel which-typed-array baseline-browser-mapping cookie-signature pkg-dir esrecurse fdir
queue-microtask fresh natural-compare tapable deep-is enhanced-resolve proxy-from-env jest-message-util
acorn-jsx indent-string merge2 retry acorn-walk json-buffer ts-api-utils binary-extensions ajv-keywords
log-symbols fs.realpath inflight path-is-absolute is-regex lodash.merge @eslint-community/eslint-utils
domutils p-try @opentelemetry/semantic-conventions es-abstract merge-descriptors buffer-from tinyglobby
has-property-descriptors jest-diff @aws-sdk/util-endpoints is-callable domhandler is-unicode-supported
dom-serializer p-map is-binary-path toidentifier package-json-from-dist define-data-property
@eslint-community/regexpp set-function-length tsconfig-paths word-wrap ajv-formats
json-stable-stringify-without-jsonify for-each define-properties is-typed-array error-ex object.assign
@pkgjs/parseargs end-of-stream @humanwhocodes/module-importer extend-shallow postcss-value-parser
available-typed-arrays object-keys @humanwhocodes/retry safe-regex-test whatwg-mimetype
@radix-ui/react-primitive fast-xml-parser jest-regex-util @babel/plugin-syntax-jsx define-property escape-html
pump @jridgewell/remapping @opentelemetry/resources mdn-data @rollup/rollup-linux-x64-gnu tar unpipe deepmerge
es-module-lexer mute-stream is-generator-function ee-first @babel/helper-annotate-as-pure
regexp.prototype.flags events is-date-object cjs-module-lexer @types/babel__traverse content-type parseurl tmp
etag is-symbol is-plain-object @smithy/protocol-http jest-matcher-utils css-tree string.prototype.trimend
@aws-sdk/middleware-user-agent htmlparser2 possible-typed-array-names @aws-sdk/util-user-agent-node
internal-slot @types/babel__core process-nextick-args @babel/plugin-syntax-typescript is-string ora
which-boxed-primitive @types/babel__generator @opentelemetry/api-logs @aws-sdk/core regenerator-runtime
is-shared-array-buffer jest-mock string.prototype.trimstart @sinonjs/fake-timers loose-envify pathe
domelementtype is-number-object tar-stream bl @types/babel__template is-bigint
@typescript-eslint/tsconfig-utils es-to-primitive fast-uri @eslint/core @typescript-eslint/project-service
has-proto figures @types/react-dom @aws-sdk/credential-provider-node @aws-sdk/util-user-agent-browser
@aws-sdk/middleware-host-header istanbul-lib-coverage @aws-sdk/middleware-logger has-bigints
@aws-sdk/credential-provider-ini pako is-boolean-object normalize-package-data strip-indent forwarded sax
@aws-sdk/token-providers proxy-addr is-weakref clone get-symbol-description loader-utils dom-accessibility-api
@aws-sdk/credential-provider-web-identity @aws-sdk/credential-provider-env
@aws-sdk/credential-provider-process @aws-sdk/credential-provider-sso pirates
@aws-sdk/middleware-recursion-detection is-array-buffer function.prototype.name colorette minizlib
unbox-primitive typed-array-buffer terser array-union @types/unist @babel/helper-replace-supers
array-buffer-byte-length functions-have-names string.prototype.trim xtend isobject @smithy/property-provider
undici globalthis expect @babel/plugin-syntax-import-attributes css-select
@babel/helper-create-class-features-plugin @babel/helper-member-expression-to-functions define-lazy-prop
jest-haste-map extend on-headers get-tsconfig node-addon-api strnum clsx serialize-javascript
safe-array-concat lilconfig deep-extend pnpm is-extendable @jest/transform data-uri-to-buffer core-js
typed-array-byte-offset typed-array-byte-length @aws-sdk/region-config-resolver nopt escodegen
@bcoe/v8-coverage istanbul-reports kleur jest-get-type typed-array-length cli-width
@types/express-serve-static-core istanbul-lib-source-maps jsdom mimic-response is-path-inside
@eslint/plugin-kit arraybuffer.prototype.slice @babel/helper-optimise-call-expression @types/send type-detect
long eslint-plugin-react-hooks @jest/fake-timers set-function-name prop-types is-negative-zero html-escaper
jws whatwg-encoding @eslint/config-array @jest/environment rc xml-name-validator which-collection
@sinonjs/commons cssesc @swc/helpers jwa is-map @eslint/object-schema @aws-sdk/credential-provider-http is-set
is-weakset @babel/plugin-transform-modules-commonjs @types/istanbul-reports bn.js html-encoding-sniffer
istanbul-lib-report dedent is-weakmap @types/express webpack-sources @jest/test-result
@smithy/node-http-handler test-exclude @jest/console @vitest/utils
@babel/helper-skip-transparent-expression-wrappers tinyexec @smithy/util-middleware cssstyle data-urls
cli-spinners @smithy/smithy-client is-descriptor destroy data-view-byte-length data-view-buffer
data-view-byte-offset array-includes @smithy/fetch-http-handler decamelize object.values cssom is-data-view
@smithy/shared-ini-file-loader @eslint/config-helpers @smithy/node-config-provider
@opentelemetry/instrumentation dir-glob compression split2 @smithy/abort-controller read-pkg
which-builtin-type @vitest/pretty-format saxes chai @humanfs/node @octokit/types reflect.getprototypeof
compressible @smithy/querystring-builder fs-minipass neo-async diff-sequences css-what jest-validate
xmlbuilder @radix-ui/react-context @humanfs/core decimal.js is-finalizationregistry @types/connect
socks-proxy-agent w3c-xmlserializer @smithy/util-stream @smithy/middleware-endpoint babel-jest
is-async-function array.prototype.flat @tootallnate/once abbrev es-shim-unscopables utils-merge @colors/colors
methods @smithy/util-hex-encoding @aws-sdk/nested-clients @smithy/util-base64 @smithy/util-uri-escape
@babel/plugin-syntax-object-rest-spread @istanbuljs/schema babel-preset-jest babel-plugin-jest-hoist
@smithy/url-parser @ungap/structured-clone @types/serve-static is-interactive babel-plugin-istanbul
stop-iteration-iterator @types/yargs-parser ip-address array.prototype.flatmap jest-environment-node
@alloc/quick-lru jest-resolve @opentelemetry/sdk-trace-base array-flatten @smithy/middleware-serde leven
@smithy/querystring-parser @smithy/util-retry @babel/helper-define-polyfill-provider @smithy/middleware-stack
@vitest/spy @babel/plugin-syntax-class-properties jest-watcher autoprefixer @babel/plugin-transform-classes
use-sync-external-store jest-snapshot inquirer @types/ws @aws-sdk/xml-builder protobufjs object.fromentries
requires-port @smithy/signature-v4 stack-utils buffer-crc32 widest-line @types/qs
@babel/plugin-syntax-optional-chaining shell-quote @babel/plugin-syntax-async-generators
@babel/plugin-syntax-nullish-coalescing-operator @babel/plugin-transform-block-scoping
@babel/plugin-syntax-optional-catch-binding @types/istanbul-lib-coverage @babel/plugin-transform-destructuring
@babel/plugin-syntax-top-level-await @babel/plugin-syntax-numeric-separator ast-types
@babel/plugin-syntax-json-strings @octokit/openapi-types chardet jest-docblock jest-config @vitest/expect
nth-check socks @floating-ui/dom @jest/source-map @babel/plugin-transform-spread
@babel/plugin-transform-computed-properties ansi-colors @jest/expect-utils find-cache-dir @jest/test-sequencer
@types/istanbul-lib-report set-proto @smithy/middleware-retry
@babel/plugin-syntax-logical-assignment-operators jose jest-runtime @jridgewell/source-map @jest/globals
@babel/plugin-transform-parameters object-hash spdx-expression-parse @floating-ui/core @jest/reporters
xmlchars @smithy/service-error-classification @smithy/core @types/stack-utils
@babel/helper-create-regexp-features-plugin through own-keys string-length @babel/plugin-syntax-import-meta
@babel/plugin-transform-arrow-functions randombytes @babel/preset-env jest-each ts-node
@smithy/util-defaults-mode-node @smithy/util-defaults-mode-browser @babel/plugin-transform-async-to-generator
jest-runner dequal @babel/plugin-transform-for-of process eslint-plugin-import
@babel/plugin-transform-shorthand-properties spdx-license-ids @aws-crypto/util @img/sharp-linux-x64 watchpack
@babel/plugin-transform-function-name @babel/plugin-transform-literals env-paths @img/sharp-libvips-linux-x64
redent @babel/plugin-transform-regenerator symbol-tree jest-leak-detector assertion-error
@babel/plugin-transform-template-literals safe-push-apply psl resolve-pkg-maps through2 regjsparser @jest/core
graphemer sisteransi import-local lodash.isplainobject @babel/helper-wrap-function ssri eslint-module-utils
@types/body-parser @types/json5 @cspotcode/source-map-support jest-cli @smithy/config-resolver
@babel/plugin-transform-named-capturing-groups-regex terser-webpack-plugin is-buffer
@smithy/credential-provider-imds jest-changed-files babel-plugin-polyfill-corejs3 jest-resolve-dependencies
tinyrainbow react-refresh make-error clean-stack cli-boxes @aws-crypto/sha256-js prompts char-regex
@babel/helper-remap-async-to-generator @smithy/hash-node text-table @aws-sdk/client-sso smart-buffer
@babel/plugin-transform-unicode-regex eslint-import-resolver-node @smithy/middleware-content-length
@smithy/invalid-dependency boxen gaxios @babel/plugin-transform-sticky-regex bluebird get-package-type
event-target-shim object.entries resolve-cwd @babel/plugin-syntax-bigint
@babel/plugin-transform-block-scoped-functions @babel/plugin-transform-object-super @types/lodash util
@types/range-parser is-potential-custom-element-name @babel/plugin-transform-property-literals
@babel/plugin-transform-member-expression-literals core-js-compat abort-controller spdx-exceptions
@smithy/util-body-length-browser eslint-config-prettier defaults @babel/plugin-transform-modules-systemjs
async-function emittery @testing-library/dom tar-fs v8-to-istanbul
@babel/plugin-transform-exponentiation-operator node-int64 @babel/plugin-proposal-private-property-in-object
@babel/plugin-transform-dotall-regex fraction.js dayjs @smithy/util-endpoints sharp detect-newline @types/uuid
@babel/plugin-syntax-private-property-in-object cors cli-truncate jest-circus
@babel/plugin-syntax-import-assertions normalize-url buffer-equal-constant-time is-promise
@ampproject/remapping rfdc nwsapi registry-auth-token gcp-metadata @emnapi/runtime boolbase proc-log
@istanbuljs/load-nyc-config wordwrap std-env fb-watchman uglify-js http-cache-semantics
@babel/plugin-syntax-class-static-block string.prototype.matchall @babel/plugin-transform-typeof-symbol
@babel/plugin-transform-optional-chaining @types/jest file-type @babel/plugin-transform-modules-amd min-indent
regexpu-core @types/ms arrify @babel/plugin-transform-duplicate-keys @babel/plugin-transform-modules-umd
@babel/plugin-transform-new-target spdx-correct typescript-eslint cacache @rollup/pluginutils glob-to-regexp
@smithy/util-config-provider color @types/http-errors pure-rand eslint-plugin-react
@babel/plugin-transform-reserved-words yn ecdsa-sig-formatter @opentelemetry/api bser set-blocking wcwidth
@adobe/css-tools ansi-align @sindresorhus/is @babel/plugin-transform-class-properties
@smithy/util-body-length-node decompress-response playwright-core url-parse @floating-ui/react-dom read-pkg-up
walker @babel/plugin-transform-nullish-coalescing-operator @types/eslint
@babel/plugin-transform-unicode-escapes co aggregate-error google-auth-library tmpl
babel-preset-current-node-syntax @babel/plugin-transform-private-methods @types/mime
@babel/plugin-transform-async-generator-functions web-streams-polyfill @aws-crypto/supports-web-crypto is-obj
@babel/plugin-transform-react-jsx-source any-promise @aws-crypto/sha256-browser @vitest/snapshot jsx-ast-utils
@babel/plugin-transform-react-jsx-self @tsconfig/node10 makeerror
@babel/plugin-bugfix-v8-spread-parameters-in-optional-chaining @babel/plugin-transform-typescript
postcss-load-config deep-eql @babel/preset-modules @tsconfig/node14 validate-npm-package-license
babel-plugin-polyfill-regenerator run-async @protobufjs/utf8 @protobufjs/path @protobufjs/pool
@protobufjs/eventemitter lodash.debounce @protobufjs/codegen querystringify @protobufjs/base64
@babel/plugin-transform-object-rest-spread generator-function @tsconfig/node16 @testing-library/jest-dom
color-string @babel/plugin-transform-logical-assignment-operators
@babel/plugin-transform-private-property-in-object vitest babel-plugin-polyfill-corejs2 loader-runner
registry-url setimmediate @babel/plugin-bugfix-safari-id-destructuring-collision-in-function-expression
@babel/plugin-transform-numeric-separator jsonc-parser array.prototype.findlastindex
@babel/plugin-transform-class-static-block @babel/plugin-transform-optional-catch-binding es-iterator-helpers
@tsconfig/node12 @humanwhocodes/config-array create-require @vitest/runner @webassemblyjs/ast
@floating-ui/utils tiny-invariant resolve.exports axe-core regenerate-unicode-properties
unicode-match-property-value-ecmascript @radix-ui/react-compose-refs @webassemblyjs/helper-wasm-bytecode
safe-stable-stringify loupe @types/prop-types @protobufjs/float @protobufjs/aspromise @protobufjs/inquire
@protobufjs/fetch @jest/expect check-error @standard-schema/spec @csstools/css-tokenizer object.groupby
thenify @babel/highlight @webassemblyjs/helper-api-error @webassemblyjs/wast-printer
@csstools/css-parser-algorithms @vitest/mocker quick-lru @rolldown/pluginutils collect-v8-coverage
@webassemblyjs/wasm-gen @babel/plugin-transform-export-namespace-from @webassemblyjs/wasm-parser
@webassemblyjs/wasm-edit @webassemblyjs/helper-buffer lodash.once @webassemblyjs/wasm-opt
@webassemblyjs/helper-wasm-section jsbn @webassemblyjs/leb128 @webassemblyjs/ieee754 @webassemblyjs/utf8
is-arguments pathval gtoken @next/env mz @napi-rs/wasm-runtime @babel/preset-typescript
@webassemblyjs/floating-point-hex-parser unique-slug unist-util-is unique-filename immutable jest-pnp-resolver
lower-case dot-prop meow @radix-ui/primitive @humanwhocodes/object-schema log-update
unicode-property-aliases-ecmascript no-case @types/chai d3-array thenify-all is-generator-fn he
lodash.isstring json-stringify-safe @types/graceful-fs v8-compile-cache-lib
unicode-canonical-property-names-ecmascript unist-util-visit-parents eslint-import-resolver-typescript
@types/semver @babel/plugin-transform-json-strings @babel/plugin-transform-unicode-sets-regex
@babel/plugin-transform-unicode-property-regex bignumber.js @grpc/proto-loader tunnel-agent is-typedarray arch
listr2 array.prototype.tosorted chrome-trace-event lodash.memoize unist-util-visit @types/aria-query
lowercase-keys unicode-match-property-ecmascript @graphql-tools/utils import-in-the-middle regenerate yauzl
tldts-core progress @testing-library/react lodash.camelcase @babel/plugin-transform-dynamic-import handlebars
xml2js lightningcss iterator.prototype axobject-query asap @npmcli/fs node-forge lodash.isboolean
@radix-ui/react-use-layout-effect @babel/plugin-bugfix-v8-static-class-fields-redefine-readonly concat-stream
@types/parse-json json-schema @aws-sdk/util-locate-window got @inquirer/type @noble/hashes @octokit/request
hermes-estree hermes-parser sucrase tinyspy stylis styled-jsx map-obj fs-constants make-fetch-happen
@types/hast tldts synckit lz-string @rtsao/scc tree-kill path-is-inside get-east-asian-width lucide-react
regjsgen validate-npm-package-name @csstools/css-calc @webassemblyjs/helper-numbers immer postgres-array
tinybench @opentelemetry/sdk-metrics commondir supports-hyperlinks why-is-node-running lie memfs
unist-util-stringify-position @babel/plugin-syntax-unicode-sets-regex fflate client-only
@radix-ui/react-use-controllable-state @octokit/request-error fsevents unicorn-magic @inquirer/core
react-router array.prototype.findlast @radix-ui/react-presence string.prototype.repeat @tybys/wasm-util
lodash.includes @csstools/color-helpers lodash.isnumber lodash.isinteger micromark-util-symbol
@types/eslint-scope which-module exit @emnapi/core @babel/plugin-bugfix-firefox-class-in-computed-class-key
@csstools/css-color-parser html-entities lightningcss-linux-x64-gnu marked @radix-ui/react-use-callback-ref
pkg-types performance-now require-main-filename minipass-fetch d3-format @babel/plugin-transform-react-jsx
minimalistic-assert @xtuc/long @radix-ui/react-dismissable-layer css.escape postgres-bytea @types/tough-cookie
d3-shape bowser @xtuc/ieee754 @types/debug d3-path postgres-interval dotenv-expand @next/swc-linux-x64-gnu
big.js p-cancelable cross-fetch interpret immediate is-windows react-remove-scroll stackback postgres-date
siginfo @radix-ui/react-portal pg-types @types/d3-shape tweetnacl pend hoist-non-react-statics astral-regex
@types/mdast @radix-ui/react-id @octokit/core @octokit/endpoint node-domexception
@babel/plugin-transform-duplicate-named-capturing-groups-regex @pkgr/core @emnapi/wasi-threads svgo p-retry
tsx postcss-import confbox expect-type @img/colour p-finally framer-motion
@babel/plugin-transform-react-display-name tailwind-merge micromark-util-character google-logging-utils
@types/deep-eql @sentry/core dot-case abab @types/retry fast-diff typedarray @aws/lambda-invoke-store
@aws-sdk/credential-provider-login consola extsprintf internmap archiver-utils node-gyp-build dompurify
p-timeout vfile-message flat lodash-es json-bigint component-emitter fast-safe-stringify @asamuzakjp/css-color
camel-case @jridgewell/set-array cacheable-request @babel/plugin-bugfix-safari-class-field-initializer-scope
@babel/helper-split-export-declaration ejs @aws-crypto/crc32 @grpc/grpc-js clipboardy ts-interface-checker
duplexify @smithy/util-waiter @babel/plugin-transform-runtime acorn-globals d3-interpolate css-loader
@isaacs/fs-minipass require-in-the-middle pg-protocol eslint-plugin-jsx-a11y vfile
@octokit/plugin-paginate-rest nan @inquirer/confirm global-prefix @smithy/eventstream-codec
@types/trusted-types path-browserify ast-types-flow domexception character-entities
@testing-library/user-event @emotion/memoize mdast-util-to-string d3-time @tailwindcss/oxide @tailwindcss/node
d3-color read-cache @radix-ui/react-focus-guards @types/normalize-package-data
@babel/plugin-transform-regexp-modifiers param-case @octokit/graphql fd-slicer vite-node enquirer streamsearch
chalk-template npm-package-arg @octokit/auth-token property-information @inquirer/figures
@radix-ui/react-use-escape-keydown asn1 damerau-levenshtein @radix-ui/react-focus-scope encoding
normalize-range @vitejs/plugin-react @hapi/hoek is-accessor-descriptor is-data-descriptor react-router-dom
acorn-import-attributes simple-swizzle responselike @types/pg process-warning eslint-plugin-prettier unplugin
unrs-resolver language-tags b4a os-tmpdir language-subtag-registry deep-equal dom-helpers jake
default-browser-id fetch-blob webpack-dev-middleware streamx router @babel/preset-react assert-plus
@aws-sdk/middleware-sdk-s3 minipass-collect rechoir webpack-virtual-modules napi-postinstall
universal-user-agent micromark-util-types @aws-sdk/signature-v4-multi-region d3-time-format global-modules
@radix-ui/react-collection react-transition-group dlv postcss-nested d3-timer fast-equals crc-32
zod-to-json-schema unique-string err-code @szmarczak/http-timer postcss-modules-local-by-default filelist
micromark emojis-list cac crypto-random-string is-inside-container faye-websocket babel-plugin-macros
pretty-bytes formdata-polyfill unified run-applescript @radix-ui/react-direction busboy ua-parser-js
default-browser module-details-from-path stable-hash @aws-sdk/util-arn-parser postcss-modules-extract-imports
@types/d3-time string-argv promise-retry character-entities-legacy @tailwindcss/oxide-linux-x64-gnu
bare-events ret @tanstack/query-core fast-fifo reflect-metadata url @smithy/eventstream-serde-node
@smithy/eventstream-serde-universal @swc/counter d3-scale serve-handler http-parser-js pino
micromark-factory-space stream-shift websocket-driver ts-jest pino-abstract-transport mrmime load-json-file
@opentelemetry/context-async-hooks sonic-boom @smithy/eventstream-serde-browser pascal-case shallow-clone
@smithy/eventstream-serde-config-resolver @babel/plugin-transform-react-jsx-development @types/d3-color
promise @types/d3-path mdast-util-from-markdown @radix-ui/react-popper postcss-modules-scope camelcase-css
d3-ease @unrs/resolver-binding-linux-x64-gnu prettier-linter-helpers update-check aws4
@octokit/plugin-rest-endpoint-methods proxy-agent bcrypt-pbkdf zustand postcss-js http-proxy-middleware
@types/d3-scale @types/d3-interpolate eslint-config-next space-separated-tokens @next/eslint-plugin-next
icss-utils websocket-extensions @emotion/unitless cli-table3 babel-loader redux lodash.uniq object-is pg-int8
@tanstack/react-query verror @babel/plugin-transform-react-pure-annotations husky at-least-node
pg-connection-string @babel/helper-simple-access csso @babel/helper-function-name invariant react-hook-form
clone-deep @next/swc-linux-x64-musl text-decoder zod-validation-error jest-environment-jsdom bundle-name
postcss-modules-values decode-uri-component tinypool sshpk luxon http-signature pluralize http-proxy
@playwright/test external-editor didyoumean @types/resolve mimic-function has-values use-callback-ref
memoize-one before-after-hook jszip @types/minimatch use-sidecar serve @types/jsonwebtoken
@radix-ui/react-arrow @radix-ui/react-use-size parse-entities has-value @aws-sdk/client-s3
@radix-ui/react-roving-focus @opentelemetry/sdk-logs is-alphabetical is-decimal is-alphanumerical
micromark-util-encode @inquirer/external-editor get-uri extract-zip minipass-pipeline aproba is-port-reachable
minipass-flush classnames pac-proxy-agent decode-named-character-reference @nolyfill/is-core-module
npm-normalize-package-bin style-to-object yoctocolors-cjs @swc/core @zeit/schemas
@aws-sdk/middleware-flexible-checksums @radix-ui/react-visually-hidden is-hexadecimal
character-reference-invalid sirv jsprim aria-hidden pngjs mdast-util-to-hast
@aws-sdk/middleware-bucket-endpoint @aws-sdk/middleware-expect-continue @aws-sdk/middleware-ssec
@aws-sdk/middleware-location-constraint gauge @types/d3-array remark-parse comma-separated-tokens
set-cookie-parser tsutils @radix-ui/react-dialog @types/yauzl exponential-backoff recast are-we-there-yet
pino-std-serializers @azure/abort-controller npmlog to-fast-properties typedarray-to-buffer
micromark-util-sanitize-uri react-remove-scroll-bar @radix-ui/react-use-rect @parcel/watcher rrweb-cssom
react-style-singleton @radix-ui/rect zip-stream pac-resolver caseless micromark-util-chunked motion-dom
cacheable-lookup micromark-util-classify-character @discoveryjs/json-ext degenerator duplexer
micromark-core-commonmark trough inline-style-parser @opentelemetry/otlp-transformer basic-ftp
micromark-util-decode-numeric-character-reference detect-node @polka/url micromark-util-normalize-identifier
netmask string.prototype.includes micromark-util-subtokenize micromark-factory-whitespace
micromark-util-combine-extensions micromark-factory-label micromark-factory-destination
micromark-util-html-tag-name minipass-sized eslint-utils @babel/plugin-transform-explicit-resource-management
compress-commons stackframe @opentelemetry/otlp-exporter-base motion-utils crc32-stream archiver
parse5-htmlparser2-tree-adapter stack-trace @isaacs/brace-expansion style-loader file-uri-to-path bail zwitch
http2-wrapper reselect get-nonce ecc-jsbn @tootallnate/quickjs-emscripten eventsource-parser
mdast-util-to-markdown detect-node-es eventsource isstream mkdirp-classic clean-css dashdash pidtree getpass
micromark-util-resolve-all express-rate-limit @smithy/uuid micromark-util-decode-string linkify-it
micromark-factory-title thread-stream environment delegates @radix-ui/react-separator detect-indent
@angular-devkit/core async-retry @smithy/md5-js bs-logger image-size @types/d3-timer validator uc.micro
lodash.defaults lodash.clonedeep @isaacs/balanced-match webpack-merge repeat-string totalist @jest/get-type
defer-to-connect error-stack-parser unist-util-position @types/d3-ease @swc/core-linux-x64-gnu
@radix-ui/react-label fastest-levenshtein is-ci hono upath @babel/plugin-syntax-dynamic-import denque
aws-sign2 forever-agent @types/jsdom longest-streak hash-base @types/node-fetch js-cookie lodash.sortby
dateformat bindings @emotion/is-prop-valid @popperjs/core ccount @emotion/hash @types/http-cache-semantics ufo
winston-transport @radix-ui/react-use-previous @js-sdsl/ordered-map @aws-crypto/crc32c @inquirer/prompts
@babel/helper-environment-visitor pg @sindresorhus/merge-streams fs-monkey @aws-crypto/sha1-browser
@dabh/diagnostics mdurl mitt @babel/plugin-proposal-class-properties fork-ts-checker-webpack-plugin temp-dir
@swc/types camelcase-keys table @jest/diff-sequences @babel/plugin-syntax-flow lazystream symbol-observable
global-dirs snake-case wide-align @babel/plugin-transform-flow-strip-types whatwg-fetch
json-parse-better-errors @hono/node-server create-jest @babel/plugin-syntax-decorators @xmldom/xmldom logform
@hapi/topo p-queue @fastify/busboy common-tags obuf pretty-ms postcss-loader builtin-modules devlop
lint-staged triple-beam simple-get @types/http-proxy @radix-ui/number sha.js pg-pool retry-request
agentkeepalive strip-literal find-root change-case jsonparse console-control-strings
@radix-ui/react-use-effect-event mdast-util-phrasing wsl-utils fecha @types/glob @inquirer/ansi has
@aws-sdk/client-sts teeny-request @babel/plugin-proposal-decorators is-bun-module
@babel/helper-hoist-variables @npmcli/agent @parcel/watcher-linux-x64-glibc @smithy/hash-blob-browser
@smithy/hash-stream-node react-redux parse-ms simple-concat markdown-it @types/cors selfsigned trim-newlines
hast-util-whitespace strtok3 quick-format-unescaped @inquirer/select is-installed-globally socket.io-parser
highlight.js joi stringify-entities node-abi webpack-dev-server formidable big-integer on-exit-leak-free
@radix-ui/react-avatar @smithy/chunked-blob-reader @smithy/chunked-blob-reader-native @vue/shared cheerio
@tailwindcss/postcss @inquirer/input @types/triple-beam color-support has-unicode secure-json-parse
react-fast-compare @inquirer/checkbox remove-trailing-separator pgpass lodash.isequal html-minifier-terser
arr-diff token-types acorn-import-phases @radix-ui/react-menu text-hex query-string @radix-ui/react-select
gzip-size @inquirer/password connect-history-api-fallback serialize-error @types/use-sync-external-store
sass-loader lodash.get devtools-protocol readdir-glob @angular-devkit/schematics real-require enabled
resolve-alpn @opentelemetry/instrumentation-http kuler one-time mini-css-extract-plugin map-cache serve-index
@radix-ui/react-dropdown-menu form-data-encoder envinfo atomic-sleep get-port @inquirer/editor
@inquirer/expand pg-cloudflare superagent @types/geojson config-chain @emotion/utils prismjs @inquirer/rawlist
character-entities-html4 eventemitter2 ansi-html-community @radix-ui/react-tabs @radix-ui/react-tooltip
terminal-link node-abort-controller proto-list @types/aws-lambda @emotion/weak-memoize for-in url-join defu
@emotion/serialize pkce-challenge trim-lines remark-rehype @inquirer/search colord @radix-ui/react-popover
markdown-table citty wildcard dns-packet @inquirer/number @trysound/sax querystring @radix-ui/react-progress
get-stdin stream-browserify ts-dedent assert @emotion/cache core-js-pure style-to-js spdy @jest/pattern
relateurl select-hose @types/react-transition-group @types/long debounce batch wbuf postcss-discard-duplicates
@vue/compiler-core set-value cluster-key-slot throat to-buffer @vue/compiler-dom fn.name @emotion/sheet
class-variance-authority @aws-sdk/util-format-url postcss-merge-rules
@babel/plugin-proposal-object-rest-spread postcss-calc es6-promise untildify dezalgo web-vitals
@tokenizer/token humanize-ms @csstools/selector-specificity multicast-dns clone-response mlly
postcss-minify-selectors recharts postcss-discard-empty handle-thing cssnano magicast hpack.js nice-try
loglevel sockjs stylehacks @hookform/resolvers xdg-basedir postcss-discard-comments filesize spdy-transport
postcss-colormin @remix-run/router postcss-svgo postcss-minify-params postcss-reduce-initial @sentry/node
postcss-convert-values postcss-merge-longhand har-validator hash.js postcss-ordered-values tabbable
postcss-minify-gradients thunky postcss-unique-selectors postcss-reduce-transforms postcss-minify-font-values
postcss-discard-overridden postcss-normalize-url postcss-normalize-charset safe-regex @swc/core-linux-x64-musl
@esbuild/linux-arm64 urlpattern-polyfill launch-editor upper-case import-lazy is-regexp
@radix-ui/react-collapsible micromark-extension-gfm-table @ai-sdk/provider-utils eslint-plugin-jest
array-unique opener victory-vendor html-webpack-plugin postcss-normalize-whitespace cssnano-preset-default
@rushstack/eslint-patch type @opentelemetry/sdk-trace-node http-deceiver basic-auth
@opentelemetry/instrumentation-pg oauth-sign postcss-normalize-unicode has-ansi css-declaration-sorter regexpp
postcss-normalize-repeat-style postcss-normalize-positions postcss-normalize-string
postcss-normalize-display-values postcss-normalize-timing-functions @sentry/browser
micromark-extension-gfm-autolink-literal del @opentelemetry/instrumentation-express strict-uri-encode
events-universal @base44/sdk punycode.js moment-timezone bare-fs ansis expand-brackets asn1.js
@vue/compiler-sfc @radix-ui/react-checkbox arr-union decimal.js-light @types/html-minifier-terser
@google-cloud/promisify functional-red-black-tree regenerator-transform hastscript renderkid pretty-error
prebuild-install shimmer proto3-json-serializer source-map-resolve @azure/core-tracing expand-tilde
@opentelemetry/instrumentation-mongodb bare-os mdast-util-gfm-table sort-keys @ai-sdk/provider @types/minimist
get-value google-gax ripemd160 @types/cookie @storybook/react-dom-shim @opentelemetry/instrumentation-ioredis
mdast-util-find-and-replace warning micromark-extension-gfm-strikethrough shallowequal
micromark-extension-gfm-task-list-item @opentelemetry/instrumentation-mysql is-what
mdast-util-gfm-strikethrough mdast-util-gfm-task-list-item exsolve @types/estree-jsx mdast-util-gfm
@opentelemetry/instrumentation-graphql void-elements @types/responselike @parcel/watcher-linux-x64-musl
ignore-walk napi-build-utils @npmcli/promise-spawn estree-util-is-identifier-name bare-stream engine.io-parser
@types/connect-history-api-fallback idb @standard-schema/utils mdast-util-gfm-autolink-literal
@csstools/css-syntax-patches-for-csstree jsonpointer bare-path hast-util-parse-selector
@babel/plugin-proposal-optional-chaining d3-dispatch @types/keyv @opentelemetry/instrumentation-mongoose
@opentelemetry/instrumentation-koa pinkie @opentelemetry/instrumentation-mysql2 lodash.isarguments mri
@azure/msal-common pinkie-promise @svgr/core @supabase/postgrest-js @opentelemetry/instrumentation-hapi
@opentelemetry/redis-common @octokit/rest @svgr/babel-preset @prisma/get-platform
@svgr/babel-plugin-transform-react-native-svg @supabase/realtime-js cheerio-select @supabase/storage-js
crypto-js @yarnpkg/lockfile @svgr/plugin-jsx @opentelemetry/instrumentation-connect
@svgr/babel-plugin-svg-dynamic-title @radix-ui/react-switch @svgr/babel-plugin-transform-svg-component
@leichtgewicht/ip-codec caniuse-api @svgr/babel-plugin-svg-em-dimensions
@svgr/babel-plugin-replace-jsx-attribute-value extglob redux-thunk @supabase/auth-js @supabase/functions-js
@svgr/hast-util-to-babel-ast @types/serve-index @types/sockjs filter-obj @opentelemetry/instrumentation-fs
@opentelemetry/instrumentation-dataloader @types/bonjour expand-template browserify-zlib i18next
mdast-util-mdx-jsx @opentelemetry/instrumentation-lru-memoizer @opentelemetry/instrumentation-undici
@opentelemetry/instrumentation-generic-pool homedir-polyfill @opentelemetry/instrumentation-amqplib
@emotion/babel-plugin har-schema @opentelemetry/instrumentation-knex npm-bundled traverse
@supabase/supabase-js @types/node-forge duplexer2 utila micromark-extension-gfm @types/sinonjs__fake-timers
@emotion/react remark-stringify @jsonjoy.com/json-pack @opentelemetry/instrumentation-tedious
micromark-extension-gfm-footnote cookiejar micromark-extension-gfm-tagfilter @types/hoist-non-react-statics
@sentry-internal/feedback upper-case-first npm-pick-manifest base64-arraybuffer remark-gfm @types/request
@rollup/plugin-node-resolve @sentry-internal/replay-canvas @opentelemetry/exporter-trace-otlp-http xml
@jsonjoy.com/util tempy @prisma/debug @emotion/use-insertion-effect-with-fallbacks @noble/curves
@graphql-tools/merge tunnel @vue/compiler-ssr @puppeteer/browsers elliptic
@svgr/babel-plugin-remove-jsx-attribute @svgr/babel-plugin-remove-jsx-empty-expression mdast-util-mdxjs-esm
mdast-util-mdx-expression @babel/plugin-proposal-nullish-coalescing-operator ohash
@svgr/babel-plugin-add-jsx-attribute strict-event-emitter @octokit/plugin-request-log perfect-debounce
minimist-options @vitest/coverage-v8 is-reference ramda parse-passwd strip-eof errno @opentelemetry/sql-common
eslint-plugin-react-refresh github-from-package npm-packlist @opentelemetry/instrumentation-kafkajs
bonjour-service copy-anything yoctocolors prr puppeteer-core configstore @types/mysql cssnano-utils
d3-selection vscode-uri promise-inflight @graphql-tools/schema raf is-path-cwd confusing-browser-globals
resolve-dir node-fetch-native fast-content-type-parse jwt-decode dom-converter @flmngr/flmngr-react
redis-parser workerpool stream-events stdin-discarder @asamuzakjp/dom-selector react-markdown
@jsonjoy.com/base64 @azure/core-rest-pipeline object.pick @mswjs/interceptors mdast-util-gfm-footnote
source-map-url storybook concurrently npm-install-checks klona isomorphic-ws @ioredis/commands
@google-cloud/paginator @storybook/csf-plugin @google-cloud/projectify create-hash @radix-ui/react-accordion
@radix-ui/react-toggle notifications-node-client stringify-object @formatjs/intl-localematcher @types/caseless
lodash.truncate @mui/utils @azure/core-auth @types/pg-pool q es-get-iterator @sideway/address
@radix-ui/react-aspect-ratio @socket.io/component-emitter @types/cacheable-request decamelize-keys @npmcli/git
assign-symbols stubs esbuild-register @radix-ui/react-scroll-area @radix-ui/react-radio-group es-toolkit
json-schema-typed redis-errors d3-transition tiny-warning @types/prettier @sentry/types des.js svg-parser
@types/mdx d3-drag nypm @sideway/formula conventional-commits-parser @storybook/react @reduxjs/toolkit
@mdx-js/react @esbuild/win32-x64 @sideway/pinpoint is-node-process @azure/core-util simple-git brorand
@graphql-codegen/plugin-helpers throttleit standard-as-callback union-value @esbuild/darwin-arm64 hmac-drbg
minimalistic-crypto-utils @radix-ui/react-toggle-group sonner hast-util-to-jsx-runtime split node-emoji
@open-draft/until @babel/helper-builder-binary-assignment-operator-visitor md5 connect ts-loader
@jsonjoy.com/buffers @apidevtools/json-schema-ref-parser import-meta-resolve sentence-case charenc crypt
is-module d3-zoom repeat-element is-retry-allowed @formatjs/ecma402-abstract @mui/types lodash.flatten
@paralleldrive/cuid2 fbjs dependency-graph destr @sentry-internal/browser-utils html-tags sourcemap-codec
jest-serializer @opentelemetry/propagator-b3 @sentry-internal/replay @storybook/addon-docs bidi-js
@asamuzakjp/nwsapi @types/validator constant-case d @radix-ui/react-alert-dialog split-string file-loader
hard-rejection @types/fs-extra joycon pseudomap forwarded-parse npm-registry-fetch es6-symbol npm unset-value
cipher-base types-registry conventional-changelog-angular @opentelemetry/propagator-jaeger package-json multer
copy-webpack-plugin @aws-sdk/client-cognito-identity es6-error es5-ext pumpify @radix-ui/react-slider
@aws-sdk/crc64-nvme jspdf @babel/eslint-parser path-case robust-predicates deprecation bplist-parser
@storybook/global needle @jest/snapshot-utils webpack-cli pbkdf2 package-manager-detector common-path-prefix
pacote @babel/runtime-corejs3 @azure/logger react-docgen @types/js-yaml
@babel/plugin-syntax-export-namespace-from giget @borewit/text-codec adm-zip obug is-lambda call-me-maybe
portfinder @floating-ui/react urix builtins @faker-js/faker JSONStream object.getownpropertydescriptors
supertest @babel/plugin-proposal-private-methods d3-geo header-case limiter browser-process-hrtime
socket.io-adapter @tanstack/virtual-core @types/tedious v8-compile-cache @bufbuild/protobuf to-object-path
next-tick @npmcli/run-script collection-visit object-visit map-visit chromium-bidi address static-extend
globrex @storybook/icons outvariant engine.io get-own-enumerable-property-symbols resolve-url @types/phoenix
react-day-picker engine.io-client touch @npmcli/node-gyp es6-iterator socket.io-client pascalcase csv-parse
memory-fs pkg-up mixin-deep use-isomorphic-layout-effect @graphql-typed-document-node/core @sentry/cli
parse-asn1 @opentelemetry/instrumentation-redis tsconfig-paths-webpack-plugin json-stable-stringify
simple-update-notifier uint8array-extras object-copy constants-browserify shelljs @mapbox/node-pre-gyp
@rollup/plugin-commonjs async-limiter @types/doctrine findup-sync @types/mdurl md5.js msw local-pkg
lodash.mergewith fragment-cache append-field @babel/plugin-proposal-numeric-separator @ts-morph/common
@types/markdown-it @svgr/plugin-svgo w3c-hr-time better-opn split-on-first semver-compare buffer-xor
@actions/http-client @types/linkify-it mustache @sentry/utils stable graphql-tag posix-character-classes
create-hmac ip-regex use nullthrows browserify-sign arr-flatten @graphql-codegen/visitor-plugin-common
os-homedir @npmcli/installed-package-contents browserify-aes @tokenizer/inflate fast-copy isbinaryfile
source-list-map import-from @opentelemetry/otlp-grpc-exporter-base ip resize-observer-polyfill
@azure/msal-browser infer-owner @npmcli/package-json @azure/msal-node crypto-browserify @esbuild/darwin-x64
js-base64 vfile-location @storybook/theming jsonify @anthropic-ai/claude-code to-regex rw bson copy-descriptor
@open-draft/deferred-promise browserify-rsa array-back @dataform/core intl-messageformat snapdragon
pino-pretty evp_bytestokey @whatwg-node/fetch @kwsites/file-exists @pinojs/redact @base44/vite-plugin
@types/shimmer get-func-name cache-base tsconfck yargs-unparser unbzip2-stream ext yup undefsafe
@sec-ant/readable-stream webpack-bundle-analyzer nanomatch capital-case ts-morph base64id @dnd-kit/core
source-map-loader @types/sizzle @types/d3-selection regex-not base html-void-elements @firebase/util
default-gateway @dnd-kit/utilities is-network-error class-utils bower parse-url postcss-values-parser
jsonschema urijs ansicolors random-bytes rollup-pluginutils foreach just-diff is-object dom-serialize
binaryextensions stylus flatten nprogress parseuri charset murmurhash uglify-es ts-map is-blob
tslint-config-prettier has-own ansistyles @aws-cdk/core parsejson mimer findup babel-runtime babel-core
babel-plugin-syntax-trailing-function-commas babel-plugin-dynamic-import-node
babel-plugin-syntax-hermes-parser babel-plugin-react-compiler babel-plugin-transform-react-remove-prop-types
babel-preset-fbjs babel-code-frame babel-preset-react-app babel-plugin-styled-components babel-types
babel-eslint babel-plugin-transform-flow-enums babel-plugin-module-resolver babel-plugin-syntax-jsx
babel-messages babel-plugin-named-asset-import babel-traverse babel-preset-expo
babel-plugin-transform-typescript-metadata babel-plugin-react-native-web babel-template
babel-plugin-const-enum babel-generator babel-dead-code-elimination babel-plugin-emotion babel-walk
babel-polyfill babel-register babel-helpers babel-plugin-transform-strict-mode babel-helper-get-function-arity
babel-helper-function-name babel-plugin-syntax-object-rest-spread babel-helper-hoist-variables
babel-plugin-transform-regenerator babel-helper-regex babel-helper-call-delegate babel-helper-define-map
babel-helper-replace-supers babel-helper-optimise-call-expression babel-plugin-transform-object-rest-spread
babel-plugin-add-module-exports babel-plugin-add-react-displayname babel-plugin-syntax-async-functions
babel-helper-remap-async-to-generator babel-plugin-transform-async-to-generator
babel-plugin-transform-exponentiation-operator babel-helper-explode-assignable-expression
babel-helper-builder-binary-assignment-operator-visitor babel-plugin-syntax-exponentiation-operator
babel-plugin-transform-remove-console @types/babel-types babel-plugin-transform-class-properties
babel-plugin-syntax-class-properties babel-plugin-syntax-dynamic-import babel-plugin-apply-mdx-type-prop
babel-plugin-extract-import-names babel-plugin-react-docgen babel-plugin-named-exports-order babel-preset-env
babel-plugin-lodash babel-extract-comments babel-plugin-syntax-decorators
babel-plugin-minify-dead-code-elimination babel-plugin-syntax-async-generators
babel-plugin-transform-async-generator-functions babel-plugin-transform-decorators
babel-helper-bindify-decorators babel-helper-explode-class babel-plugin-debug-macros babel-plugin-syntax-flow
babel-helper-evaluate-path babel-plugin-transform-flow-strip-types @types/babel-generator babel-merge
babel-helper-mark-eval-scopes babel-helper-remove-or-void babel-import-util @types/babel-traverse
babel-helper-builder-react-jsx babel-plugin-transform-react-jsx @types/babel-template
babel-plugin-minify-guarded-expressions babel-plugin-minify-mangle-names
babel-plugin-transform-merge-sibling-variables babel-helper-flip-expressions babel-plugin-minify-simplify
babel-preset-minify babel-plugin-transform-export-extensions @types/babel-core
babel-plugin-syntax-export-extensions babel-plugin-transform-react-jsx-source
babel-plugin-transform-react-display-name babel-plugin-transform-regexp-constructors
babel-plugin-minify-replace babel-helper-to-multiple-sequence-expressions babel-plugin-minify-constant-folding
babel-plugin-minify-type-constructors babel-helper-is-nodes-equiv
babel-plugin-transform-inline-consecutive-adds babel-plugin-minify-infinity
babel-plugin-minify-flip-comparisons babel-plugin-minify-numeric-literals
babel-plugin-transform-remove-undefined babel-plugin-transform-remove-debugger babel-plugin-minify-builtins
babel-plugin-transform-undefined-to-void babel-plugin-transform-simplify-comparison-operators
babel-plugin-transform-member-expression-literals babel-plugin-transform-minify-booleans
babel-plugin-transform-property-literals babel-preset-react babel-preset-flow
babel-plugin-transform-react-jsx-self babel-plugin-transform-class-constructor-call
babel-plugin-syntax-class-constructor-call babel-plugin-import babel-plugin-transform-import-meta
babel-plugin-ember-modules-api-polyfill babel-plugin-transform-function-bind babel-plugin-syntax-function-bind
babel-plugin-transform-do-expressions babel-plugin-syntax-do-expressions
babel-plugin-transform-inline-environment-variables babel-preset-gatsby babel-plugin-transform-runtime
babel-plugin-remove-graphql-queries babel-preset-solid babel-plugin-relay babel-plugin-jsx-dom-expressions
graphiql babel-cli
`
  .trim()
  .split(/\s+/)

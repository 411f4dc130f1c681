// The module itself: what it imports, how large it is, what it says of itself.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

const pkg = new URL('../pkg/', import.meta.url);
const bytes = fs.readFileSync(new URL('bindings/wallet_bg.wasm', pkg));
const GZIP_BUDGET = 700_000;

test('it imports nothing but its bindings', async () => {
  const imports = WebAssembly.Module.imports(await WebAssembly.compile(bytes));
  const foreign = imports.filter(({ module }) => module !== './wallet_bg.js');
  assert.deepEqual(foreign, []);
  // Randomness, exceptions, and strings; no clock, no network, no console.
  const names = imports.map(({ name }) => name.replace(/^__wbg_|_[0-9a-f]{16}$/g, ''));
  const known = /^(__wbindgen_\w+|getRandomValues|crypto|msCrypto|process|versions|node|require|call|new_with_length|length|subarray|static_accessor_\w+|randomFillSync|prototypesetcall|new_no_args|newwithlength|normalize)$/;
  assert.deepEqual(names.filter((name) => !known.test(name)), []);
});

test('it is small enough, and names no folder of whoever built it', () => {
  const small = zlib.gzipSync(bytes, { level: 9 }).length;
  console.log(`wallet_bg.wasm: ${bytes.length} bytes, ${small} with gzip, sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
  assert(small <= GZIP_BUDGET, `${small} bytes with gzip`);
  const text = bytes.toString('latin1');
  for (const folder of [`${os.homedir()}/`, fileURLToPath(new URL('../../', import.meta.url)), '.cargo/registry']) {
    assert(!text.includes(folder), `it names ${folder}`);
  }
});

test('the package has the version of the crate, and all its files', () => {
  const manifest = JSON.parse(fs.readFileSync(new URL('package.json', pkg), 'utf8'));
  const workspace = fs.readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  const [, version] = /\[workspace\.package\]\nversion = "([^"]+)"/.exec(workspace);
  assert.equal(manifest.version, version);
  const named = Object.values(manifest.exports).flatMap((to) => (typeof to === 'string' ? [to] : Object.values(to)));
  for (const file of named) assert(fs.existsSync(new URL(file, pkg)), file);
  assert.equal(Object.keys(manifest.exports['.'])[0], 'types');
});

// The vectors that the BIPs publish, checked by the module itself: a build of it that has the checks inside.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { checkVectors, initSync } from '../pkg-vectors/wallet.js';

initSync({ module: fs.readFileSync(new URL('../pkg-vectors/wallet_bg.wasm', import.meta.url)) });

const folder = new URL('../wallet/tests/vectors/', import.meta.url);
// The module for people has English words alone, but its Unicode is this platform's: so all languages are tried.
const files = fs.readdirSync(folder).filter((name) => name.endsWith('.json'));

test('there are vectors', () => assert(files.length >= 10, files.join(' ')));

for (const file of files) {
  test(file, () => {
    const name = file.replace('.json', '');
    const held = checkVectors(name, fs.readFileSync(new URL(file, folder), 'utf8'));
    console.log(`${name}: ${held} vectors`);
    assert(held >= (name === 'bip39' ? 240 : 7));
  });
}

test('a vector that is wrong is told', () => {
  const text = fs.readFileSync(new URL('bip340.json', folder), 'utf8');
  const wrong = text.replace('e907831f8084', 'e907831f8085');
  assert.notEqual(wrong, text);
  assert.throws(() => checkVectors('bip340', wrong), /bip340: vector/);
});

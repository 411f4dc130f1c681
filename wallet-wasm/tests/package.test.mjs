// The package as a third party has it: every method that the types name is there, and the examples are short.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Light, ready, Signer } from '../pkg/node.js';

await ready();

test('every method of the types is a method', () => {
  const types = fs.readFileSync(new URL('../npm/protocol.d.ts', import.meta.url), 'utf8');
  for (const [name, type] of [['SignerMethods', Signer], ['LightMethods', Light]]) {
    const [, body] = new RegExp(`export type ${name} = \\{([\\s\\S]*?)\\n\\};`).exec(types);
    const methods = [...body.matchAll(/^ {2}(\w+): Method</gm)].map(([, method]) => method);
    assert(methods.length > 10);
    for (const method of methods) {
      const camel = method.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
      assert.equal(typeof type.prototype[camel], 'function', `${name}.${camel}`);
    }
  }
});

test('examples have less than forty lines', () => {
  const folder = new URL('../examples/', import.meta.url);
  const files = fs.readdirSync(folder);
  assert(files.length >= 3);
  for (const file of files) assert(fs.readFileSync(new URL(file, folder), 'utf8').split('\n').length <= 41, file);
});

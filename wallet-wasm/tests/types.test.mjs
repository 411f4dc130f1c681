// The types of the package: what is right compiles, and what is wrong does not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const tsc = path.join(here, '../../web/node_modules/typescript/bin/tsc');

function compile(source) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chaincore-types-'));
  try {
    fs.mkdirSync(path.join(folder, 'node_modules'));
    fs.symlinkSync(path.join(here, '../pkg'), path.join(folder, 'node_modules/chaincore-wallet'));
    fs.writeFileSync(path.join(folder, 'use.ts'), source);
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', ''];
    const run = spawnSync(process.execPath, [tsc, ...options, 'use.ts'], { cwd: folder, encoding: 'utf8' });
    return run.stdout;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const USE = `
import { Light, ready, type Review, Signer, WalletError } from 'chaincore-wallet';
export async function use(): Promise<Review> {
  await ready();
  const signer = new Signer();
  const words: string = signer.generate({ words: 12 }).mnemonic;
  const { vault, accounts, state_key } = signer.create({
    chain: { name: 'regtest' }, mnemonic: words, passphrase: '', password: 'p', name: 'n', birthday: 0,
  });
  signer.changePassword({ old: 'p', new: 'q' });
  signer.unlock({ vault, password: 'q' });
  const light = new Light({ url: 'http://127.0.0.1:5000' });
  light.open({ chain: { name: 'regtest' }, state_key });
  for (const account of accounts) light.addAccount(account);
  const { unreachable, faults } = await light.sync();
  if (unreachable || faults.length > 0) throw new WalletError('x', 'y');
  const satoshis: number = light.summary().balance.confirmed;
  const { psbt } = light.create({ to: [{ address: 'a', amount: satoshis }], feerate: 1 });
  return signer.review({ psbt });
}
`;

test('what is right compiles', () => {
  assert.equal(compile(USE), '');
});

test('what is wrong does not', () => {
  for (const [right, wrong] of [
    ['words: 12', 'words: 13'],
    ['amount: satoshis', "amount: 'some'"],
    ['signer.review({ psbt })', 'signer.sign({ psbt })'],
    ['light.summary()', 'light.sumary()'],
  ]) {
    assert.match(compile(USE.replace(right, wrong)), /error TS/, wrong);
  }
});

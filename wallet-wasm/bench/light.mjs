// How fast the module is under Node.js, on the world that the native bench left:  node light.mjs <folder>
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Light, ready, Signer } from '../pkg/node.js';

const folder = process.argv[2];
const read = (name) => fs.readFileSync(path.join(folder, name));
const world = JSON.parse(read('world.json'));
const twice = (bytes) => createHash('sha256').update(createHash('sha256').update(bytes).digest()).digest();

/** Where each of the parts begins that follow their lengths, and where the last ends. */
function starts(bytes) {
  const all = [0];
  for (let at = 0; at < bytes.length; all.push(at)) at += 4 + bytes.readUInt32LE(at);
  return all;
}
const even = (bytes, size) => Array.from({ length: bytes.length / size + 1 }, (_, at) => at * size);

const files = {
  headers: { bytes: read('headers.bin'), size: 2000 },
  filterheaders: { bytes: read('filterheaders.bin'), size: 2000 },
  filters: { bytes: read('filters.bin'), size: 1000 },
};
files.headers.starts = even(files.headers.bytes, 80);
files.filterheaders.starts = even(files.filterheaders.bytes, 32);
files.filters.starts = starts(files.filters.bytes);
const blocks = new Map();
const blockBytes = read('blocks.bin');
const blockStarts = starts(blockBytes);
for (let at = 0; at + 1 < blockStarts.length; at++) {
  const block = blockBytes.subarray(blockStarts[at] + 4, blockStarts[at + 1]);
  blocks.set(twice(block.subarray(0, 80)).reverse().toString('hex'), block);
}

/** A node's answer, from memory. */
function answer(where) {
  const { pathname, searchParams } = new URL(where);
  const [, top, kind, name, what] = pathname.split('/');
  if (top === 'light' && files[kind]) {
    const { bytes, size, starts } = files[kind];
    const first = Number.parseInt(name, 10) * size;
    const from = first + Number(searchParams.get('skip') ?? 0);
    const to = Math.min(first + size, starts.length - 1);
    return from < to ? bytes.subarray(starts[from], starts[to]) : null;
  }
  if (kind === 'block' && what === 'raw') return blocks.get(name) ?? null;
  const said = world.answers[pathname] ?? (kind === 'scripthash' ? [] : null);
  return said === null ? null : JSON.stringify(said);
}
const fetch = async (where) => {
  const body = answer(where);
  return body === null ? new Response('{}', { status: 404 }) : new Response(body);
};

/** A wallet that has read the whole chain, and how many seconds that took. */
async function sync(account, mode) {
  const light = new Light({ url: 'http://node', fetch });
  light.open({ chain: { file: world.file } });
  light.configure({ mode });
  if (account) light.addAccount(account);
  const started = performance.now();
  for (;;) {
    const { progress, faults } = await light.sync();
    // (The chain ended years ago, by this machine's clock.)
    assert.deepEqual(faults.filter(({ kind }) => kind !== 'stale_tip'), []);
    if (progress.synced) return [light, (performance.now() - started) / 1000];
    await new Promise((done) => setTimeout(done, 50));
  }
}

const show = (what, value) => console.log(`${what.padEnd(32)}${value.padStart(10)}`);
await ready();
const signer = new Signer();
const { accounts } = signer.create({
  chain: { file: world.file }, mnemonic: world.words, passphrase: '', password: 'for this bench alone', name: '', birthday: 0,
});

const [, headers] = await sync(null, 'verified');
show('headers verified a second', (world.blocks / headers).toFixed(0));
const [filtered, filters] = await sync(accounts[0], 'filters');
show('filters matched a second', (world.blocks / (filters - headers)).toFixed(0));
show('seconds to balance, filters', filters.toFixed(2));
const [light, verified] = await sync(accounts[0], 'verified');
show('seconds to balance, verified', verified.toFixed(2));
for (const wallet of [filtered, light]) {
  const { confirmed, unproven } = wallet.balance();
  assert.deepEqual([confirmed, unproven], [world.balance, 0]);
}

const coins = light.coins().slice(0, world.inputs).map(({ outpoint }) => outpoint);
const { psbt } = light.create({ to: [{ address: world.other, amount: 'all' }], feerate: 2, coins });
const started = performance.now();
const signed = signer.sign({ psbt });
const time = performance.now() - started;
assert.equal(signed.signatures, world.inputs);
show(`milliseconds to sign ${world.inputs} inputs`, time.toFixed(1));

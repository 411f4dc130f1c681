// What is left of the keys after a lock: no signer, and nothing of the words in the page's memory or in what it stored.
import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { until } from '../harness.mjs';
import { create, go, lock, PASSWORD, titled, unlock } from '../wallet.mjs';

/** Everything in the memory of the page's scripts, after a collection. */
async function memory(session, page) {
  const debug = await session.context.newCDPSession(page);
  const parts = [];
  debug.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => parts.push(chunk));
  await debug.send('HeapProfiler.enable');
  for (let n = 0; n < 3; n += 1) await debug.send('HeapProfiler.collectGarbage');
  await debug.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  await debug.detach();
  return parts.join('');
}

const signers = (page) => page.workers().filter((worker) => worker.url().includes('signer-worker'));

export default async function secrets(session) {
  const page = await session.page('/wallet');
  const words = await create(page, { name: 'Secret' });
  await go(page, '/wallet/settings');
  assert.equal(signers(page).length, 1);
  const sentence = words.join(' ');

  await lock(page);
  await until(() => signers(page).length === 0, 'the end of the signer');
  await until(async () => !(await memory(session, page)).includes(sentence), 'the words to be forgotten', 20_000);
  const left = await memory(session, page);
  assert(!left.includes(PASSWORD), 'the password is still there');
  // The seed that the words make (BIP39), as text of any kind, and private keys as they are written.
  const seed = pbkdf2Sync(sentence, 'mnemonic', 2048, 64, 'sha512');
  for (const secret of [seed.toString('hex'), seed.toString('base64'), 'tprv8']) assert(!left.includes(secret), secret);

  // What is stored says nothing without the password.
  const stored = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const all = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
    for (const { name } of databases) {
      const opened = await new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      for (const store of opened.objectStoreNames) {
        const rows = await new Promise((resolve) => {
          const request = opened.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
        });
        all.push(JSON.stringify(rows));
      }
      opened.close();
    }
    return all.join('\n');
  });
  assert(stored.includes('Secret'), 'the wallet is stored');
  for (const secret of [sentence, PASSWORD, 'vpub', 'tpub', 'bcrt1']) assert(!stored.includes(secret), secret);
  assert(words.filter((word) => stored.includes(`"${word}"`)).length === 0, 'a word is stored');

  // Each unlock starts a signer of its own.
  await unlock(page);
  await titled(page, 'Settings');
  await until(() => signers(page).length === 1, 'a new signer');
}

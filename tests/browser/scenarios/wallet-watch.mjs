// A wallet without keys prepares a payment, the one with the keys signs it, and the first sends it. Labels go with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { until } from '../harness.mjs';
import { balanceIs, create, go, inMempool, lock, Miner, mine, prepare, receive, titled, unlock } from '../wallet.mjs';

const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

async function saved(page, button) {
  const arriving = page.waitForEvent('download');
  await button.click();
  const download = await arriving;
  return { name: download.suggestedFilename(), path: await download.path() };
}

export default async function watch(session) {
  const miner = await new Miner(session).begin(1);
  const page = await session.page('/wallet');
  await create(page, { name: 'Keys' });
  const address = await receive(page);
  await miner.pay(address, 3);
  await mine(session);
  await balanceIs(page, '3.00000000');
  await go(page, '/wallet/settings');
  const shown = page.locator('.descriptor .hash');
  await until(async () => (await shown.count()) === 4, 'the descriptors of both accounts');
  const descriptors = await shown.allInnerTexts();
  const file = await saved(page, page.getByRole('button', { name: 'Save as an encrypted file' }));
  assert.equal(file.name, 'Keys.json');
  const vault = fs.readFileSync(file.path, 'utf8');
  assert(!/xprv|tprv|wpkh/.test(vault));
  await lock(page);

  // The segwit account, by its two descriptors.
  await go(page, '/wallet/watch');
  await page.getByLabel('Name of the wallet').fill('Watched');
  await page.getByLabel('Extended public key or descriptor').fill(`${descriptors[0]}\n${descriptors[1]}`);
  await page.getByRole('button', { name: 'Watch this wallet' }).click();
  await titled(page, 'Overview');
  await balanceIs(page, '3.00000000');
  await session.accessible(page, 'a watched wallet');
  await prepare(page, { to: TO, amount: '1', rate: '4' });
  await page.getByRole('heading', { name: 'Ready to be signed elsewhere' }).waitFor();
  await session.shot('unsigned', page);
  await session.accessible(page, 'a payment to be signed elsewhere');
  const unsigned = await saved(page, page.getByRole('button', { name: 'Save as a file' }));
  assert.equal(unsigned.name, 'Watched.psbt');
  assert.equal(fs.readFileSync(unsigned.path).subarray(0, 5).toString('hex'), '70736274ff');

  // Signed where the keys are.
  const open = async (name) => {
    await go(page, '/wallet/list');
    await page.getByRole('link', { name: new RegExp(name) }).click();
  };
  await open('Keys');
  await unlock(page);
  await titled(page, 'Overview');
  await go(page, '/wallet/psbt');
  await page.getByLabel('File').setInputFiles(unsigned.path);
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByText('It pays').waitFor();
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await page.getByText('It is signed and complete.').waitFor();
  await session.shot('signed', page);
  await session.accessible(page, 'a signed PSBT');
  const signed = await page.getByLabel('PSBT as text').inputValue();

  // And sent from the one that watches.
  await open('Watched');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await titled(page, 'Overview');
  await go(page, '/wallet/psbt');
  await page.getByLabel('Or its text').fill(signed);
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByText('Complete').waitFor();
  await page.getByRole('button', { name: 'Send to the network' }).click();
  await titled(page, 'Transaction');
  const [, txid] = /\/wallet\/tx\/([0-9a-f]{64})/.exec(page.url());
  await inMempool(session, txid);
  await page.getByRole('button', { name: /^Add/ }).click();
  await page.getByLabel('Label: Transaction').fill('Signed elsewhere');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Signed elsewhere').waitFor();
  await go(page, '/wallet/labels');
  const labels = await saved(page, page.getByRole('button', { name: 'Save as a file' }));
  const lines = fs.readFileSync(labels.path, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert(lines.some(({ type, ref, label }) => type === 'tx' && ref === txid && label === 'Signed elsewhere'));

  // The same labels in the wallet with the keys, which is opened from its file in the place of the one deleted.
  await open('Keys');
  await unlock(page);
  await titled(page, 'Overview');
  await go(page, '/wallet/labels');
  await page.getByLabel('Label file').setInputFiles(labels.path);
  await page.getByRole('button', { name: 'Read labels from a file' }).click();
  await page.getByText(/label(s)? (was|were) read/).waitFor();
  await go(page, '/wallet/history');
  await page.getByText('Signed elsewhere').waitFor();
  await go(page, '/wallet/settings');
  await page.getByRole('button', { name: 'Delete the wallet from this browser' }).click();
  await page.getByLabel(/I have the words/).check();
  await page.getByRole('dialog').getByRole('button', { name: /Delete/ }).click();
  await titled(page, 'Wallets in this browser');
  await go(page, '/wallet/import');
  await page.getByLabel('Wallet file').setInputFiles(file.path);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Open the file' }).click();
  await titled(page, 'Overview');

  // A message signed with the address's key is right, and another message is not.
  await go(page, '/wallet/message');
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Message', { exact: true }).fill('It is mine.');
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  const signature = await page.locator('p.mono[role=status]').innerText();
  await page.getByRole('tab', { name: 'Check' }).click();
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Message', { exact: true }).fill('It is mine.');
  await page.getByLabel('Signature').fill(signature);
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByText('Right: whoever owns').waitFor();
  await page.getByLabel('Message', { exact: true }).fill('It is yours.');
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByText('Wrong: this signature').waitFor();
}

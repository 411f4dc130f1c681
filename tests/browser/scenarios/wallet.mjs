// A wallet's life: made, written down, paid, paying, sped up, cancelled, locked, opened with a wrong and the right
// password, and restored elsewhere.
import assert from 'node:assert/strict';
import { becomes, until } from '../harness.mjs';
import { approve, balanceIs, create, go, inMempool, lock, Miner, mine, prepare, receive, restore, titled, unlock } from '../wallet.mjs';

export default async function wallet(session) {
  const miner = await new Miner(session).begin(3);
  const page = await session.page('/wallet');
  await titled(page, 'Your own wallet');
  await session.accessible(page, 'the welcome');
  await session.shot('welcome', page);

  await create(page, { name: 'Bob' });
  const to = await receive(page);
  await lock(page);
  const words = await create(page, { name: 'Alice', shot: (what) => session.shot(what, page) });
  assert.equal(words.length, 12);
  await session.accessible(page, 'the overview');

  // Received: waiting first, then proven.
  const address = await receive(page);
  assert.match(address, /^bcrt1q/);
  await page.getByText('Derived anew by the signer').waitFor();
  await session.shot('receive', page);
  await session.accessible(page, 'receive');
  await miner.pay(address, 2);
  await balanceIs(page, '2.00000000');
  await page.getByText('Waiting', { exact: true }).first().waitFor();
  await mine(session);
  await page.getByText('Proven · 1 block').first().waitFor();
  await session.shot('overview', page);
  assert.notEqual(await receive(page), address, 'a used address is not shown again');

  // Sent, read back, replaced by one that pays more, and confirmed.
  await prepare(page, { to, amount: '0.5', rate: '2', label: 'For Bob' });
  await page.getByText('It pays').waitFor();
  assert.equal((await page.locator('.review .address.large').first().innerText()).replaceAll(/\s/g, ''), to);
  await session.accessible(page, 'the review');
  await session.shot('review', page);
  const first = await approve(page);
  await inMempool(session, first);
  await page.getByText('For Bob').first().waitFor();
  await session.shot('sent', page);
  await page.getByRole('button', { name: 'Speed up' }).click();
  await page.getByRole('radio', { name: /By hand/ }).check();
  await page.getByLabel('Satoshis per virtual byte').fill('9');
  await page.getByRole('button', { name: 'Look at it' }).click();
  const faster = await approve(page);
  assert.notEqual(faster, first);
  await inMempool(session, faster);
  assert(!(await session.rpc('getrawmempool')).includes(first), 'what was replaced is gone');
  await mine(session);
  await page.getByText(/Proven · 1 block/).first().waitFor();
  const entry = await session.rpc('getmempoolinfo');
  assert.equal(entry.size, 0);

  // Cancelled: the coins come back, but for the fee.
  await prepare(page, { to, amount: '0.25', rate: '2' });
  const regretted = await approve(page);
  await inMempool(session, regretted);
  await page.getByRole('button', { name: 'Cancel the payment' }).click();
  await page.getByRole('radio', { name: /By hand/ }).check();
  await page.getByLabel('Satoshis per virtual byte').fill('8');
  await page.getByRole('button', { name: 'Look at it' }).click();
  const back = await approve(page);
  await inMempool(session, back);
  await mine(session);
  await go(page, '/wallet/history');
  await page.getByText('Replaced').first().waitFor();
  await page.getByText('To yourself').first().waitFor();
  await session.accessible(page, 'history');
  await session.shot('history', page);
  await go(page, '/wallet');
  const left = Number.parseFloat(await page.locator('.balance .amount.large').getAttribute('title'));
  assert(left > 1.4999 && left < 1.5, `${left} coins are left`);

  // Locked; the wrong password opens nothing.
  await lock(page);
  await session.shot('locked', page);
  await session.accessible(page, 'locked');
  await unlock(page, 'wrong password');
  await page.getByText('The password is wrong').waitFor();
  await unlock(page);
  await titled(page, 'Overview');
  await until(async () => Number.parseFloat(await page.locator('.balance .amount.large').getAttribute('title')) === left, 'the balance');

  // Deleted here, and restored from the words as it would be elsewhere.
  await go(page, '/wallet/settings');
  await session.shot('settings', page);
  await session.accessible(page, 'settings');
  await page.getByRole('button', { name: 'Delete the wallet from this browser' }).click();
  await page.getByLabel(/I have the words/).check();
  await page.getByRole('dialog').getByRole('button', { name: /Delete/ }).click();
  await titled(page, 'Wallets in this browser');
  await becomes(() => page.getByRole('link', { name: /Alice/ }).count(), 0);
  await restore(page, words, { name: 'Alice again' });
  await balanceIs(page, left.toFixed(8));
  await page.getByText('Checked to the tip').waitFor();

  // And the other wallet has what was sent to it, once.
  await go(page, '/wallet/list');
  await page.getByRole('link', { name: /Bob/ }).click();
  await page.getByRole('heading', { name: 'Unlock Bob' }).waitFor();
  await unlock(page);
  await balanceIs(page, '0.50000000');
  await page.getByText('Proven', { exact: true }).waitFor();
}

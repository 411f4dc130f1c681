// A chain of one's own, which the page knows from the node's file of it alone: its addresses, its coins, its proofs.
import assert from 'node:assert/strict';
import { balanceIs, create, go, lock, mine, receive, unlock } from '../wallet.mjs';

export default async function chain(session) {
  const page = await session.page('/wallet');
  await page.locator('.network', { hasText: 'town' }).waitFor();
  const told = await (await page.request.get(`${session.url}/light/chain`)).json();
  assert.match(told.file, /town/);
  await create(page, { name: 'Townsman' });
  const address = await receive(page);
  assert.match(address, /^town1q/);
  assert((await session.rpc('validateaddress', address)).isvalid);
  await mine(session, 1, address);
  await go(page, '/wallet');
  await page.locator('.entry', { hasText: 'Mined' }).waitFor();
  await page.locator('.entry', { hasText: 'Proven' }).waitFor();
  await balanceIs(page, '25.00000000');
  await session.accessible(page, 'a chain of one’s own');
  await session.shot('town', page);

  // The file is kept with the wallet, and an address of another chain is none here.
  await go(page, '/wallet/send');
  await page.getByLabel('To', { exact: true }).fill('bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080');
  await page.getByLabel('Amount in coins').fill('1');
  await page.locator('.field .fault').first().waitFor();
  await lock(page);
  await page.reload();
  await unlock(page);
  await balanceIs(page, '25.00000000');
}

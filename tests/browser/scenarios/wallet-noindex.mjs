// A node without an index of transactions cannot prove in which block a payment is: the page says why, and what to do.
// With filters, whole blocks are looked at, and everything in them is proven.
import { balanceIs, create, go, Miner, mine, receive } from '../wallet.mjs';

export default async function noIndex(session) {
  const miner = await new Miner(session).begin(2);
  const page = await session.page('/wallet');
  await create(page, { name: 'Unproven' });
  const address = await receive(page);
  await miner.pay(address, 1);
  await mine(session);
  await balanceIs(page, '1.00000000');
  await page.getByText('This node cannot prove your payments').waitFor();
  await page.getByText('-txindex').first().waitFor();
  await page.locator('.entry', { hasText: 'Not proven' }).waitFor();
  await session.accessible(page, 'payments that cannot be proven');
  await session.shot('noindex', page);
  await page.locator('.entry').first().click();
  await page.getByText('keeps no index of transactions (-txindex) to prove it from').waitFor();

  // What the page advises helps.
  await page.getByRole('link', { name: 'To the settings' }).click();
  await page.getByLabel(/^Private, with filters/).check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await go(page, '/wallet');
  await page.locator('.entry', { hasText: 'Proven · 1 block' }).waitFor();
  await page.getByText('This node cannot prove your payments').waitFor({ state: 'detached' });
  await balanceIs(page, '1.00000000');
}

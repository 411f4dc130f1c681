// Over plain http from another machine there is no Web Crypto, no lock and no clipboard in the page: the wallet works,
// and one tab alone writes it.
import assert from 'node:assert/strict';
import { balanceIs, create, lock, Miner, mine, receive, titled, unlock } from '../wallet.mjs';

export const host = 'node.lan';

export default async function lan(session) {
  // The header is of no use there, and Chromium says so.
  session.expected.push('Cross-Origin-Opener-Policy');
  const miner = await new Miner(session).begin(1);
  const page = await session.page('/wallet');
  const has = await page.evaluate(() => [isSecureContext, 'locks' in navigator, 'subtle' in crypto, 'clipboard' in navigator]);
  assert.deepEqual(has, [false, false, false, false]);
  await create(page, { name: 'Lan' });
  await miner.pay(await receive(page), 3);
  await page.getByRole('button', { name: /^Copy/ }).first().click();
  await page.getByText(/^Copied|Copying is not possible/).first().waitFor();
  await mine(session);
  await balanceIs(page, '3.00000000');

  const second = await session.page('/wallet');
  await unlock(second);
  await second.getByText('This wallet is open in another tab').waitFor();
  await lock(page);
  await page.close();
  // The first tab is gone, and with it its right to write.
  await second.reload();
  await unlock(second);
  await titled(second, 'Overview');
  await second.getByRole('button', { name: 'Lock', exact: true }).waitFor();
  await balanceIs(second, '3.00000000');
}

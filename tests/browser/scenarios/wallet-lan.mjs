// Over plain http from another machine there is no Web Crypto, no lock and no clipboard in the page: the wallet works,
// and one tab alone writes it.
import assert from 'node:assert/strict';
import { until } from '../harness.mjs';
import { balanceIs, create, go, lock, Miner, mine, PASSWORD, receive, titled, unlock } from '../wallet.mjs';

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

  // Nor is there a camera: it is said, and a picture is asked for in its place.
  await go(page, '/wallet/send');
  await page.getByRole('button', { name: 'Scan' }).click();
  await page.getByText('Browsers give a camera only to pages').waitFor();
  await page.getByLabel('Pictures of the code').waitFor();
  await page.keyboard.press('Escape');

  const second = await session.page('/wallet');
  await unlock(second);
  await second.getByText('This wallet is open in another tab').waitFor();
  // It is taken over, and taken back: the tab that lost it looks on, and has no keys.
  const takeOver = async (to, from) => {
    await to.getByRole('button', { name: 'Use it here' }).click();
    await to.getByRole('dialog').getByLabel('Password').fill(PASSWORD);
    await to.getByRole('dialog').getByRole('button', { name: 'Use it here' }).click();
    await from.getByText('This wallet is open in another tab').waitFor();
    await to.getByText('This wallet is open in another tab').waitFor({ state: 'detached' });
    await until(() => !from.workers().some((worker) => worker.url().includes('signer')), 'the keys to be gone there');
  };
  await takeOver(second, page);
  await takeOver(page, second);
  await lock(page);
  await page.close();
  // The first tab is gone, and with it its right to write.
  await second.reload();
  await unlock(second);
  await titled(second, 'Overview');
  await second.getByRole('button', { name: 'Lock', exact: true }).waitFor();
  await balanceIs(second, '3.00000000');

  // A tab that dies gives nothing back: what it held ends by itself, and until then another looks on.
  session.expected.push('the page crashed');
  const third = await session.page('/wallet');
  const debug = await session.context.newCDPSession(second);
  debug.send('Page.crash').catch(() => undefined);
  await until(async () => {
    await unlock(third);
    await titled(third, 'Overview');
    const held = (await third.getByText('This wallet is open in another tab').count()) > 0;
    if (held) await lock(third);
    return !held;
  }, 'the lease of a dead tab to end');
  await balanceIs(third, '3.00000000');
}

// Two tabs, a page that is loaded anew in the middle of a payment, and a chain that changes its mind by three blocks.
import assert from 'node:assert/strict';
import { until } from '../harness.mjs';
import { balanceIs, create, go, inMempool, Miner, mine, prepare, receive, titled, unlock } from '../wallet.mjs';

const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

export default async function tabs(session) {
  const miner = await new Miner(session).begin(2);
  const page = await session.page('/wallet');
  await create(page, { name: 'Tabs' });
  await miner.pay(await receive(page), 1);
  await mine(session, 3);
  await balanceIs(page, '1.00000000');

  // The second tab only looks on, until it takes over.
  const second = await session.page('/wallet');
  await unlock(second);
  await second.getByText('This wallet is open in another tab').waitFor();
  await balanceIs(second, '1.00000000');
  await session.accessible(second, 'a tab that looks on');
  await session.shot('second', second);
  await go(second, '/wallet/coins');
  assert(await second.getByRole('button', { name: /Freeze/ }).isDisabled());
  await second.getByRole('button', { name: 'Use it here' }).click();
  await second.getByLabel('Password').fill('correct horse battery');
  await second.getByRole('dialog').getByRole('button', { name: 'Use it here' }).click();
  await page.getByText('This wallet is open in another tab').waitFor();
  await second.getByText('This wallet is open in another tab').waitFor({ state: 'detached' });
  assert(await second.getByRole('button', { name: /Freeze/ }).isEnabled());
  // What is locked in one tab is locked in all.
  await second.getByRole('button', { name: 'Lock', exact: true }).click();
  await page.getByRole('button', { name: 'Unlock', exact: true }).waitFor();
  await second.close();

  // Loaded anew when everything is signed and on its way: it is paid once, and the wallet knows.
  await unlock(page);
  await page.getByRole('button', { name: 'Lock', exact: true }).waitFor();
  await prepare(page, { to: TO, amount: '0.1', rate: '3' });
  const button = page.getByRole('button', { name: 'Sign and send' });
  await button.waitFor();
  session.expected.push('ERR_ABORTED', 'Failed to fetch');
  const posted = page.waitForRequest((request) => request.method() === 'POST' && /\/api\/tx$/.test(request.url()));
  await button.click();
  await posted;
  await page.reload();
  await unlock(page);
  await titled(page, 'Send');
  const [txid] = await until(async () => {
    const waiting = await session.rpc('getrawmempool');
    return waiting.length > 0 && waiting;
  }, 'the payment');
  await go(page, '/wallet/history');
  await page.locator('.entry', { hasText: 'Sent' }).waitFor();
  assert.equal((await session.rpc('getrawmempool')).length, 1);
  await mine(session, 3);
  await page.locator('.entry', { hasText: 'Proven · 3 blocks' }).waitFor();

  // Three blocks are replaced by four: what was proven waits again, and is proven anew.
  const height = await session.rpc('getblockcount');
  await session.rpc('invalidateblock', await session.rpc('getblockhash', height - 2));
  await inMempool(session, txid);
  for (let n = 0; n < 4; n += 1) await session.rpc('generateblock', 'bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw', []);
  await page.locator('.entry', { hasText: 'Waiting' }).waitFor();
  await session.shot('reorg', page);
  await mine(session);
  await page.locator('.entry', { hasText: 'Proven · 1 block' }).waitFor();
}

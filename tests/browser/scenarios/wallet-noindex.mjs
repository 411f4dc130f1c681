// A node without an index of transactions cannot look up in which block a payment is: the block's list proves it as well.
import { balanceIs, create, Miner, mine, receive } from '../wallet.mjs';

export default async function noIndex(session) {
  const miner = await new Miner(session).begin(2);
  const page = await session.page('/wallet');
  // The browser itself notes that the node answers one question with 501.
  session.expected.push('501');
  await create(page, { name: 'Listed' });
  const address = await receive(page);
  await miner.pay(address, 1);
  await mine(session);
  await balanceIs(page, '1.00000000');
  await page.locator('.entry', { hasText: 'Proven · 1 block' }).waitFor();
}

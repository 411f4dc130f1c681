// A node that lies is caught, and one that is not there is missed; the page says so. A wallet that nobody uses locks
// itself, and so does one whose machine slept.
import assert from 'node:assert/strict';
import { becomes } from '../harness.mjs';
import { balanceIs, create, go, lock, Miner, mine, PASSWORD, receive, titled, unlock } from '../wallet.mjs';

export default async function lies(session) {
  const miner = await new Miner(session).begin(2);
  const page = await session.page('/wallet');
  await create(page, { name: 'Careful' });
  const address = await receive(page);
  await miner.pay(address, 1);
  await mine(session);
  await balanceIs(page, '1.00000000');
  await page.getByText('Proven', { exact: true }).waitFor();

  // Proofs that lead nowhere: what they should prove is not believed.
  let lied = 0;
  await session.context.route('**/merkle-proof', async (route) => {
    const answer = await route.fetch();
    const proof = await answer.json();
    lied += 1;
    proof.pos += 1;
    proof.merkle = [...(proof.merkle ?? []), '11'.repeat(32)];
    await route.fulfill({ response: answer, json: proof });
  });
  await miner.pay(await receive(page), 1);
  await mine(session);
  await go(page, '/wallet');
  await page.getByText('The node said something that is proven false').waitFor();
  assert(lied > 0);
  await page.locator('.entry', { hasText: 'Not proven' }).waitFor();
  await session.accessible(page, 'a lie');
  await session.shot('lie', page);
  await session.context.unroute('**/merkle-proof');

  // A node that is not there any more: it is said, and what was proven stays.
  session.expected.push('ERR_FAILED');
  await session.context.route(/\/(light|api)\//, (route) => route.abort());
  await page.getByText('The node does not answer', { exact: true }).waitFor();
  await becomes(() => page.locator('.entry').count(), 2);
  await session.context.unroute(/\/(light|api)\//);
  await page.getByText('The node does not answer', { exact: true }).waitFor({ state: 'detached' });
  await lock(page);
  await page.close();

  // A clock of the test's own: five minutes without a touch, and a sleep.
  const idle = await session.context.newPage();
  await idle.clock.install();
  await idle.goto(`${session.url}/#/wallet`);
  await unlock(idle);
  await titled(idle, 'Overview');
  await idle.clock.runFor(299_000);
  await titled(idle, 'Overview');
  await idle.clock.runFor(3000);
  await idle.getByText('nobody used it').waitFor();
  await unlock(idle, PASSWORD);
  await titled(idle, 'Overview');
  await idle.clock.fastForward(200_000);
  await idle.getByText('this machine slept').waitFor();
  await session.shot('slept', idle);
}

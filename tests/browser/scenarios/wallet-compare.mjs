// Two nodes: the first keeps a payment back, the second tells of it and proves it, and the page says so. A node that
// cannot be asked is told with what would change that. Without other nodes in the settings, nobody else is asked.
import assert from 'node:assert/strict';
import { balanceIs, create, go, Miner, mine, receive, titled } from '../wallet.mjs';

export const host = 'first.lan';

/** The third name is the first node, which lets no other page read its answers; the page's policy names no fourth. */
export const browser = () => ({
  names: {
    'first.lan': process.env.NODE_URL,
    'second.lan': process.env.SECOND_URL,
    'third.lan': process.env.NODE_URL,
    'fourth.lan': process.env.SECOND_URL,
  },
});

async function compareWith(page, nodes) {
  await go(page, '/wallet/settings');
  await page.getByLabel('Other nodes to compare with').fill(nodes.join('\n'));
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
}

export default async function compare(session) {
  session.expected.push('Cross-Origin-Opener-Policy');
  const second = (method, ...params) => session.rpcOf(process.env.SECOND_URL, process.env.SECOND_AUTH, method, params);
  /** The second node gets the blocks that the first has. */
  const follow = async () => {
    const tip = await session.rpc('getblockcount');
    for (let height = (await second('getblockcount')) + 1; height <= tip; height += 1) {
      await second('submitblock', await session.rpc('getblock', await session.rpc('getblockhash', height), 0));
    }
  };
  const miner = await new Miner(session).begin(1);
  await follow();
  const page = await session.page('/wallet');
  await create(page, { name: 'Doubtful' });
  const address = await receive(page);
  assert(session.requests.length > 5);
  assert.deepEqual(session.requests.filter((url) => new URL(url).origin !== 'http://first.lan'), []);

  // Which can be asked, and what to do about those that cannot.
  session.others.push('http://second.lan', 'http://third.lan', 'http://fourth.lan');
  session.expected.push('CORS policy', 'Content Security Policy', 'ERR_FAILED', 'Refused to connect');
  await compareWith(page, ['http://second.lan', 'http://third.lan', 'http://fourth.lan']);
  const node = (name) => page.locator('li', { hasText: name });
  await node('http://second.lan').getByText(/^Answers, at block/).waitFor();
  await node('http://third.lan').getByText('-cors=http://first.lan').waitFor();
  await node('http://fourth.lan').getByText('-webconnect=http://fourth.lan').waitFor();
  await session.accessible(page, 'nodes to compare with');
  await session.shot('nodes', page);
  await compareWith(page, ['http://second.lan']);
  await node('http://third.lan').waitFor({ state: 'detached' });

  // The first node tells of no payment at all.
  await session.context.route(/^http:\/\/first\.lan\/api\/scripthash\/.*\/txs/, (route) => route.fulfill({ json: [] }));
  await miner.pay(address, 1);
  await mine(session);
  await follow();
  await balanceIs(page, '1.00000000');
  await page.getByText('Proven', { exact: true }).waitFor();
  await page.getByText('The node said something that is proven false').waitFor();
  await page.getByText('It keeps a payment back that another node told of and proved.').waitFor();
  await page.getByText(/^this node: it does not tell of a transaction/).first().waitFor();
  await session.accessible(page, 'a payment kept back');
  await session.shot('withheld', page);
  await page.getByRole('alert').getByRole('link', { name: 'Transaction' }).click();
  await titled(page, 'Transaction');
  await page.getByText('its place in the block and the work on top of it were checked here').waitFor();
}

// The app as it is installed: Chromium finds nothing that stands against it, the page follows an upgrade of the node, and
// it opens when there is no node any more, says so, and lets a wallet be opened.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { becomes, until } from '../harness.mjs';
import { balanceIs, create, go, lock, Miner, mine, receive, titled, unlock } from '../wallet.mjs';

export const browser = () => ({ keeps: true });

/** The folder that the node serves: the scenario upgrades what is in it. */
const folder = process.env.WEB_FOLDER;
const integrity = (text) => `sha384-${createHash('sha384').update(text).digest('base64')}`;

/** Another edition of the app: its script says so, and everything that names the script names the new one. */
function upgrade() {
  const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
  const page = read('index.html');
  const [, before] = /src="\/(app\/assets\/app-[^"]+)"/.exec(page);
  const script = `document.documentElement.dataset.edition = 'second';\n${read(before)}`;
  const after = before.replace(/app-\w+\.js$/, 'app-0000second000.js');
  fs.writeFileSync(path.join(folder, after), script);
  fs.rmSync(path.join(folder, before));
  fs.writeFileSync(path.join(folder, 'sw.js'), read('sw.js').replaceAll(before, after).replace(/"[0-9a-f]{16}"/, '"second"'));
  fs.writeFileSync(path.join(folder, 'index.html'), page.replace(before, after).replace(integrity(read(after).slice(script.indexOf('\n') + 1)), integrity(script)));
  return { before, after };
}

export default async function offline(session) {
  const miner = await new Miner(session).begin(1);
  const page = await session.page('/wallet');
  await create(page, { name: 'Kept' });
  await miner.pay(await receive(page), 1);
  await mine(session);
  await balanceIs(page, '1.00000000');
  await lock(page);
  const browser = await session.context.newCDPSession(page);
  const { installabilityErrors } = await browser.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors, []);
  const kept = () => page.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)));
    return caches_.flat();
  });
  await until(async () => (await kept()).length > 0, 'the files to be kept');
  assert((await kept()).every((name) => name === '/' || name.startsWith('/app/')), 'nothing of the node is kept');
  await page.evaluate(() => navigator.serviceWorker.ready);

  // The node is upgraded: the next page is the new one, at once, and what was kept of the old one goes.
  const edition = () => page.evaluate(() => document.documentElement.dataset.edition ?? 'first');
  assert.equal(await edition(), 'first');
  const { before, after } = upgrade();
  // A page that was open before is told when somebody comes back to it.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByText('The node serves another edition of this app by now.').waitFor();
  await session.accessible(page, 'another edition');
  await page.getByRole('button', { name: 'Load it' }).click();
  await until(async () => (await edition().catch(() => '')) === 'second', 'the other edition');
  await becomes(() => page.getByText('The node serves another edition').count(), 0);
  await until(async () => {
    const names = await kept();
    return names.includes(`/${after}`) && !names.includes(`/${before}`);
  }, 'the new files to be kept');

  // There is no node any more.
  session.expected.push('ERR_CONNECTION_REFUSED', 'Failed to load resource', 'WebSocket', 'ERR_FAILED');
  await session.rpc('stop');
  await page.getByText('There is no node').waitFor();
  await page.reload();
  await page.getByText('There is no node').waitFor();
  assert.equal(await edition(), 'second');
  await unlock(page);
  await titled(page, 'Overview');
  await page.getByText('The node does not answer', { exact: true }).waitFor();
  await balanceIs(page, '1.00000000');
  await session.accessible(page, 'a wallet without a node');
  await session.shot('alone', page);
  await go(page, '/wallet/receive');
  await page.getByText('Derived anew by the signer').waitFor();
}

// The explorer: the chain grows by itself, everything is found and has its page, strings of the chain stay text, and all
// of it can be used by keyboard, by screen reader, on a phone, in the dark, and while the node is away.
import assert from 'node:assert/strict';
import { becomes, until } from '../harness.mjs';

// A key that everybody knows, for a chain without value.
const KEY = 'cNJFgo1driFnPcBdBX8BrJrpxchBWXwXCvNH5SoSkdcF6JXXwHMm';
const OTHER = 'bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw';
const THIRD = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const EVIL = '<img src=x onerror=alert(1)>';
/** More than one page of a block's transactions. */
const MANY = 27;

/** Mines to a known key until it can spend, and sends `MANY` transactions, of which one carries markup. */
async function prepare(session) {
  const { checksum } = await session.rpc('getdescriptorinfo', `wpkh(${KEY})`);
  const [own] = await session.rpc('deriveaddresses', `wpkh(${KEY})#${checksum}`);
  await session.rpc('generatetoaddress', 100 + MANY, own);
  const { scriptPubKey } = await session.rpc('validateaddress', own);
  const txids = [];
  for (let height = 1; height <= MANY; height += 1) {
    const block = await session.rpc('getblock', await session.rpc('getblockhash', height), 1);
    const coin = { txid: block.tx[0], vout: 0 };
    // From a little more than one satoshi per virtual byte to about a hundred.
    const fee = 0.0000019 * 1.18 ** height;
    const pays = [{ [OTHER]: 10 + height }, { [own]: Number((40 - height - fee).toFixed(8)) }];
    if (height === 1) pays.push({ data: Buffer.from(EVIL).toString('hex') });
    const raw = await session.rpc('createrawtransaction', [{ ...coin, sequence: 0xfffffffd }], pays);
    const signed = await session.rpc('signrawtransactionwithkey', raw, [KEY], [{ ...coin, scriptPubKey, amount: 50 }]);
    assert(signed.complete);
    txids.push(await session.rpc('sendrawtransaction', signed.hex, 0));
  }
  return { own, txids };
}

/** Types into the search, presses Enter, and waits for what comes of it. */
async function search(page, text) {
  const field = page.getByRole('textbox', { name: /Search for/ });
  await field.fill(text);
  await field.press('Enter');
}

const heading = (page) => page.locator('main h1').first();

async function titled(page, title) {
  await until(async () => (await heading(page).textContent()) === title, `the page '${title}'`);
}

/** The boxes of a treemap fill it and stay inside. */
async function fills(page) {
  const { width, height, boxes } = await page.locator('svg.treemap').first().evaluate((picture) => ({
    width: picture.viewBox.baseVal.width,
    height: picture.viewBox.baseVal.height,
    boxes: [...picture.querySelectorAll('rect')].map((box) =>
      ['x', 'y', 'width', 'height'].map((side) => box[side].baseVal.value)),
  }));
  const area = boxes.reduce((sum, box) => sum + box[2] * box[3], 0);
  assert(area > 0.9 * width * height && area <= width * height, `boxes fill ${area} of ${width} x ${height}`);
  assert(boxes.every(([x, y, w, h]) => x >= 0 && y >= 0 && x + w <= width + 0.01 && y + h <= height + 0.01));
}

/** New colours and widths are on the screen, and what moved stands still. */
async function settled(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
    await frame();
  });
}

/** The explorer's pages look and read as they should, in both colours and on a phone. */
async function everywhere(session, page, what) {
  await until(async () => (await page.locator('main .spinner').count()) === 0, 'what the page shows');
  await settled(page);
  await session.accessible(page, what);
  await session.shot(what, page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 360, height: 740 });
  await settled(page);
  await session.fits(page);
  await session.accessible(page, `${what} on a phone, in the dark`);
  await session.shot(`${what}-phone`, page);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
}

async function grows(session, page) {
  const first = page.locator('.strip-card:not(.coming) .strip-height').first();
  await first.waitFor();
  const height = await session.rpc('getblockcount');
  await session.rpc('generatetoaddress', 1, OTHER);
  const next = (height + 1).toLocaleString('en-GB');
  await until(async () => (await first.textContent()) === next, 'the new block in the strip');
  return height + 1;
}

async function finds(session, page, { own, txids }) {
  const hash = await session.rpc('getblockhash', 5);
  const places = [
    ['5', 'Block 5'],
    [hash, 'Block 5'],
    [` ${txids[0]}\n`, `Transaction ${txids[0].slice(0, 8)}…${txids[0].slice(-8)}`],
    [own, `Address ${own.slice(0, 8)}…${own.slice(-8)}`],
    [`bitcoin:${own}?amount=1`, `Address ${own.slice(0, 8)}…${own.slice(-8)}`],
  ];
  for (const [text, title] of places) {
    await page.goto(`${session.url}/#/charts`);
    await titled(page, 'Charts');
    await search(page, text);
    await titled(page, title);
  }
  const misses = [
    ['999999', /no block at height 999999/],
    ['ab'.repeat(32), /knows no block and no transaction/],
    [`${own.slice(0, -1)}q`, /no address of this chain/],
    ['hello', /no height, hash/],
    ['', /Type a height/],
  ];
  for (const [text, message] of misses) {
    await search(page, text);
    await page.locator('#search-message').filter({ hasText: message }).waitFor();
  }
  await session.accessible(page, 'a search without an answer');
}

async function showsBlock(session, page, hash) {
  const block = await session.rpc('getblock', hash, 1);
  await page.goto(`${session.url}/#/block/${block.height}`);
  await titled(page, `Block ${block.height}`);
  await page.getByText(hash).first().waitFor();
  await until(async () => (await page.locator('.treemap a').count()) === block.tx.length, 'the picture of the block');
  const list = page.getByRole('region', { name: 'Transactions', exact: true });
  await list.getByRole('row').nth(25).waitFor();
  await becomes(() => list.getByRole('row').count(), 1 + 25);
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await until(async () => (await list.getByRole('row').count()) === 1 + block.tx.length - 25, 'the second page');
  await everywhere(session, page, 'block');
  await page.getByRole('link', { name: /Previous block/ }).click();
  await titled(page, `Block ${block.height - 1}`);
  await page.getByRole('link', { name: /Next block/ }).click();
  await titled(page, `Block ${block.height}`);
}

async function showsTx(session, page, txid) {
  await page.goto(`${session.url}/#/tx/${txid}`);
  await page.getByText('Replaceable (RBF)').waitFor();
  const outputs = page.getByRole('list', { name: 'Outputs' });
  await becomes(() => outputs.getByRole('listitem').count(), 4);
  await page.getByText('Output 2').click();
  // What somebody wrote into the chain is text and nothing else.
  await page.getByText(EVIL, { exact: true }).waitFor();
  await becomes(() => page.locator('main img').count(), 0);
  await page.getByText('Input 0').click();
  await page.getByRole('heading', { name: 'Witness: 2 items' }).waitFor();
  await page.getByRole('button', { name: 'Show the raw transaction' }).click();
  const raw = page.getByRole('region', { name: 'Raw transaction (hex)' });
  assert.equal((await raw.textContent()).trim(), await session.rpc('getrawtransaction', txid, 0));
  await everywhere(session, page, 'transaction');
}

async function showsAddress(session, page, own) {
  await page.goto(`${session.url}/#/address/${own}`);
  await page.getByRole('img', { name: /QR code/ }).waitFor();
  const { balance } = await (await page.request.get(`${session.url}/balance/${own}`)).json();
  const shown = await page.locator('.amount.large').textContent();
  assert.equal(Math.round(Number.parseFloat(shown.replaceAll(',', '')) * 1e8), balance);
  await page.getByRole('region', { name: 'History' }).getByRole('row').nth(25).waitFor();
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText(/^Page 2 of/).waitFor();
  await everywhere(session, page, 'address');
  // Tabs by keyboard.
  await page.getByRole('tab', { name: 'History' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('region', { name: 'Unspent outputs' }).waitFor();
  await session.accessible(page, 'unspent outputs');
}

async function draws(session, page) {
  await page.goto(`${session.url}/#/charts`);
  await page.locator('.time-series canvas').nth(5).waitFor();
  await page.getByRole('heading', { name: 'Who mined' }).waitFor();
  await page.getByRole('button', { name: '60 blocks' }).click();
  await until(() => page.url().endsWith('?blocks=60'), 'the range in the address');
  await page.getByText('As a table').first().click();
  const table = page.getByRole('region', { name: 'Block interval as a table' });
  await until(async () => (await table.getByRole('row').count()) === 61, 'a row for each block');
  // A canvas takes no colours that follow the theme by themselves: what it was given differs by curve and by theme.
  const colours = () => page.locator('.u-marker').evaluateAll((all) => all.map((one) => getComputedStyle(one).borderColor));
  const light = await colours();
  assert(new Set(light).size > 4, light.join(' '));
  await page.emulateMedia({ colorScheme: 'dark' });
  await until(async () => (await colours()).every((colour, at) => colour !== light[at]), 'the colours of the dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await everywhere(session, page, 'charts');
}

/** A block that another branch replaces is said to be out of the chain, and the strip shows the branch. */
async function reorganizes(session, page) {
  const old = await session.rpc('getbestblockhash');
  await page.goto(`${session.url}/#/block/${old}`);
  await page.getByText('1 confirmation').waitFor();
  const strip = await session.page('/');
  await session.rpc('invalidateblock', old);
  // Not to whom the one before paid: within the same second that would be the same block.
  const [, best] = await session.rpc('generatetoaddress', 2, THIRD);
  await page.getByText('Not in the chain').waitFor();
  await strip.locator(`.strip a[href="#/block/${best}"]`).waitFor();
  await becomes(() => strip.locator(`.strip a[href="#/block/${old}"]`).count(), 0);
  await session.accessible(page, 'a block out of the chain');
  await strip.close();
}

/** The node goes away and comes back: the page says so, keeps what it has, and goes on by itself. */
async function outlives(session) {
  session.expected.push('ERR_FAILED', 'ERR_CONNECTION', 'WebSocket connection');
  const page = await session.context.newPage();
  const sockets = new Set();
  let away = false;
  await page.routeWebSocket('**/ws', (socket) => {
    if (away) {
      void socket.close();
      return;
    }
    socket.connectToServer();
    sockets.add(socket);
  });
  await page.goto(`${session.url}/#/`);
  await page.locator('.strip-card:not(.coming)').first().waitFor();
  const gone = /\/(status|stats|api)/;
  await page.route(gone, (route) => (away ? route.abort() : route.fallback()));
  away = true;
  for (const socket of sockets) await socket.close();
  await page.getByText('The node does not answer').waitFor();
  assert((await page.locator('.strip-card').count()) > 2, 'what was there stays');
  await session.accessible(page, 'a page without its node');
  await session.shot('away', page);
  const height = await session.rpc('getblockcount');
  await session.rpc('generatetoaddress', 1, OTHER);
  // Pressed while the node is still away: once it is back, the page finds it by itself and the button is gone.
  const asked = page.waitForRequest(gone);
  await page.getByRole('button', { name: 'Try again' }).click();
  await asked;
  away = false;
  await page.getByText('The node does not answer').waitFor({ state: 'detached' });
  const first = page.locator('.strip-card:not(.coming) .strip-height').first();
  await until(async () => (await first.textContent()) === (height + 1).toLocaleString('en-GB'), 'the block that was missed');
  await page.close();
}

/** A node that was asked too much says when it is time again, and the page waits. */
async function waits(session) {
  session.expected.push('the server responded with a status of 429');
  const page = await session.context.newPage();
  let refused = 0;
  await page.route(/\/api\/block/, (route) => {
    refused += 1;
    return refused > 3 ? route.fallback() : route.fulfill({ status: 429, headers: { 'Retry-After': '1' }, body: '{}' });
  });
  await page.goto(`${session.url}/#/block/5`);
  await page.getByText(await session.rpc('getblockhash', 5)).first().waitFor();
  assert(refused > 3, `${refused} requests`);
  await page.close();
}

export default async function explorer(session) {
  const known = await prepare(session);
  // A search without an answer, and things that are not there, are asked on purpose.
  session.expected.push('the server responded with a status of 404', 'the server responded with a status of 400');
  const page = await session.page('/');
  await page.getByRole('heading', { name: 'Waiting transactions' }).waitFor();
  await until(async () => (await page.locator('.treemap a').count()) === MANY, 'all that waits in the picture');
  await fills(page);
  await everywhere(session, page, 'overview');
  await page.goto(`${session.url}/#/mempool`);
  await page.getByRole('heading', { name: 'Waiting transactions in a list' }).waitFor();
  await everywhere(session, page, 'mempool');

  // A transaction is seen to be confirmed without a reload.
  await page.goto(`${session.url}/#/tx/${known.txids[0]}`);
  await page.getByText('Unconfirmed').waitFor();
  const other = await session.page('/');
  const height = await grows(session, other);
  await page.getByText('1 confirmation').waitFor();
  await until(async () => (await other.locator('.treemap a').count()) === 0, 'an empty mempool');
  await other.getByText('No transaction waits').waitFor();
  await other.close();

  await finds(session, page, known);
  await showsBlock(session, page, await session.rpc('getblockhash', height));
  await showsTx(session, page, known.txids[0]);
  await showsAddress(session, page, known.own);
  await draws(session, page);
  for (const [place, title] of [
    ['/peers', 'Peers'],
    ['/plugins', 'Plugins'],
    ['/node', 'This node'],
  ]) {
    await page.goto(`${session.url}/#${place}`);
    await titled(page, title);
    await everywhere(session, page, place.slice(1));
  }

  // By keyboard alone: from the top of the page to a block.
  await page.goto(`${session.url}/#/`);
  await page.locator('.strip-card').nth(1).waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  for (let presses = 0; ; presses += 1) {
    assert(presses < 40, 'the strip can be reached by keyboard');
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement?.matches('.strip-card:not(.coming) a'))) break;
  }
  await page.keyboard.press('Enter');
  await titled(page, `Block ${height}`);
  await reorganizes(session, page);
  await waits(session);
  await outlives(session);
}

// Coins of every kind of address are spent together and taken by the node; one coin is kept back; an address that only
// looks like a known one is pointed out; and all of it is found again by filters, without naming an address.
import assert from 'node:assert/strict';
import { becomes, until } from '../harness.mjs';
import { approve, balanceIs, create, go, inMempool, Miner, mine, prepare, restore, titled } from '../wallet.mjs';

const KINDS = { Segwit: /^bcrt1q/, Taproot: /^bcrt1p/, 'Segwit in P2SH': /^2/, Legacy: /^[mn]/ };
const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
/** Another one, with the same four characters at both ends. */
const LIKE = 'bcrt1qw5080m2wqq23clxd5mzfsh79vn6pg0ka7nt080';

export default async function kinds(session) {
  const miner = await new Miner(session).begin(5);
  const page = await session.page('/wallet');
  const words = await create(page, { name: 'Kinds' });
  await go(page, '/wallet/settings');
  for (const kind of ['Segwit in P2SH', 'Legacy']) {
    const accounts = page.locator('details.card', { hasText: 'Kind of the next account' });
    if (!(await accounts.getAttribute('open'))) await accounts.evaluate((element) => element.setAttribute('open', ''));
    await accounts.getByLabel('Kind of the next account').selectOption(kind);
    await accounts.getByRole('button', { name: 'Add the account' }).click();
    await accounts.getByRole('listitem').filter({ hasText: new RegExp(`^${kind}$`) }).waitFor();
  }
  let sum = 0;
  for (const [at, [kind, form]] of Object.entries(KINDS).entries()) {
    await go(page, '/wallet/receive');
    await page.getByLabel('Account').selectOption(kind);
    const shown = page.locator('.receive .address.large');
    await shown.waitFor();
    const address = (await shown.locator('span').allTextContents()).join('');
    assert.match(address, form);
    await page.getByText('Derived anew by the signer').waitFor();
    await miner.pay(address, at + 1);
    sum += at + 1;
  }
  await mine(session);
  await balanceIs(page, `${sum}.00000000`);
  await go(page, '/wallet/coins');
  await becomes(() => page.locator('.coin').count(), 4);

  // One is kept back.
  await page.locator('.coin', { hasText: '4.00' }).getByRole('button', { name: /^Freeze/ }).click();
  await page.getByRole('button', { name: /^Frozen/ }).waitFor();
  await session.shot('coins', page);
  await prepare(page, { to: TO, all: true, rate: '3' });
  const sent = await approve(page);
  await inMempool(session, sent);
  const first = await session.rpc('getrawtransaction', sent, 1);
  assert.equal(first.vin.length, 3);
  await mine(session);
  await balanceIs(page, '4.00000000');
  await go(page, '/wallet/coins');
  await page.getByRole('button', { name: /^Frozen/ }).click();
  await page.getByRole('button', { name: /^Freeze/ }).waitFor();
  await prepare(page, { to: TO, amount: '0.5', rate: '3' });
  await approve(page);
  await mine(session);

  // An address that begins and ends as one that was paid: nothing goes on before it was compared.
  assert((await session.rpc('validateaddress', LIKE)).isvalid);
  await go(page, '/wallet/send');
  await page.getByLabel('To', { exact: true }).fill(LIKE);
  await page.getByText('Look twice at this address').waitFor();
  assert(await page.getByRole('button', { name: 'Look at it' }).isDisabled());
  await session.shot('alike', page);
  await session.accessible(page, 'a look-alike');
  await page.getByLabel('To', { exact: true }).fill(`bitcoin:${TO}?amount=0.125&label=Known`);
  await page.getByText('This wallet knows this address.').waitFor();
  await becomes(() => page.getByLabel('Amount in coins').inputValue(), '0.12500000');

  // The same wallet by filters.
  await go(page, '/wallet/settings');
  await page.getByLabel('Private, with filters').check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved').waitFor();
  await go(page, '/wallet');
  await until(() => session.requests.some((url) => url.includes('/light/filters/')), 'filters to be loaded');
  await page.getByText('Checked to the tip').waitFor();
  // What was on its way in the other mode has come.
  const before = session.requests.length;
  await go(page, '/wallet/receive');
  const shown = page.locator('.receive .address.large span');
  await shown.first().waitFor();
  const own = (await shown.allTextContents()).join('');
  await miner.pay(own, 1);
  await mine(session);
  await go(page, '/wallet');
  await page.locator('.entry', { hasText: 'Proven · 1 block' }).filter({ hasText: '+1.00' }).waitFor();
  await titled(page, 'Overview');
  const asked = session.requests.slice(before);
  const named = asked.filter((url) => /scripthash|\/address/.test(url));
  assert.deepEqual(named, [], 'no address was named');
  assert(asked.some((url) => /\/api\/block\/\w+\/raw/.test(url)), 'blocks that match were loaded whole');

  // From the words all kinds come back, if that is asked for.
  await restore(page, words, { name: 'Kinds again', older: true });
  await go(page, '/wallet/coins');
  await page.locator('.coin').first().waitFor();
  await until(async () => (await page.locator('.coin').count()) >= 2, 'the coins of older kinds');
  await go(page, '/wallet/settings');
  const listed = await page.locator('details.card', { hasText: 'Kind of the next account' }).locator('li').allTextContents();
  assert.deepEqual(listed.toSorted(), Object.keys(KINDS).toSorted());
}

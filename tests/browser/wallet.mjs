// What the wallet's scenarios share: making wallets, paying them, reading what their pages say.
import assert from 'node:assert/strict';
import { until } from './harness.mjs';

export const PASSWORD = 'correct horse battery';
/** A key that everybody knows, for a chain without value. */
const MINER_KEY = 'cNJFgo1driFnPcBdBX8BrJrpxchBWXwXCvNH5SoSkdcF6JXXwHMm';
/** Mining to it gives nobody anything. */
export const NOBODY = 'bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw';

/** Coins of a key of the test's own, to pay with. */
export class Miner {
  constructor(session) {
    this.session = session;
    this.coins = [];
  }

  /** Mines `count` blocks whose rewards can be spent. */
  async begin(count = 4) {
    const { rpc } = this;
    const { checksum } = await rpc('getdescriptorinfo', `wpkh(${MINER_KEY})`);
    [this.address] = await rpc('deriveaddresses', `wpkh(${MINER_KEY})#${checksum}`);
    this.script = (await rpc('validateaddress', this.address)).scriptPubKey;
    const from = (await rpc('getblockcount')) + 1;
    await rpc('generatetoaddress', count, this.address);
    await rpc('generatetoaddress', 100, NOBODY);
    for (let height = from; height < from + count; height += 1) {
      const block = await rpc('getblock', await rpc('getblockhash', height), 1);
      this.coins.push(block.tx[0]);
    }
    return this;
  }

  get rpc() {
    return (method, ...params) => this.session.rpc(method, ...params);
  }

  /** Pays `amount` coins to an address from one of the rewards; the transaction's id. */
  async pay(address, amount) {
    const coin = { txid: this.coins.shift(), vout: 0 };
    assert(coin.txid, 'the miner has no coins left');
    const pays = [{ [address]: amount }, { [this.address]: Number((50 - amount - 0.0001).toFixed(8)) }];
    const raw = await this.rpc('createrawtransaction', [{ ...coin, sequence: 0xfffffffd }], pays);
    const spent = { ...coin, scriptPubKey: this.script, amount: 50 };
    const signed = await this.rpc('signrawtransactionwithkey', raw, [MINER_KEY], [spent]);
    assert(signed.complete);
    return this.rpc('sendrawtransaction', signed.hex, 0);
  }
}

export const mine = (session, count = 1, address = NOBODY) => session.rpc('generatetoaddress', count, address);

/** Waits for the page that has this heading. */
export async function titled(page, title) {
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
}

/** Goes to a place of the app without loading it anew: an open wallet stays open. */
export async function go(page, place) {
  await page.evaluate((to) => {
    globalThis.location.hash = to;
  }, `#${place}`);
  await page.locator('main h1').first().waitFor();
}

/** Makes a new wallet; its words. */
export async function create(page, { name = 'Test', password = PASSWORD, shot } = {}) {
  await go(page, '/wallet/new');
  await page.getByLabel('Name of the wallet').fill(name);
  await page.getByLabel('New password').fill(password);
  await page.getByLabel('The same password again').fill(password);
  await page.getByRole('button', { name: 'Continue' }).click();
  const list = page.locator('.word-list strong');
  await list.first().waitFor();
  const words = await list.allTextContents();
  if (shot) await shot('words');
  await page.getByLabel('I have written the words down').check();
  await page.getByRole('button', { name: 'Continue' }).click();
  for (const field of await page.locator('.words.asked .word').all()) {
    const [, at] = /Word (\d+)/.exec(await field.locator('label').innerText());
    await field.locator('input').fill(words[at - 1]);
    await field.locator('input').press('Escape');
  }
  if (shot) await shot('check');
  await page.getByRole('button', { name: 'Make the wallet' }).click();
  await titled(page, 'Overview');
  return words;
}

/** Restores a wallet from its words. */
export async function restore(page, words, { name = 'Restored', password = PASSWORD, older = false } = {}) {
  await go(page, '/wallet/restore');
  const fields = page.locator('.words input');
  await fields.first().waitFor();
  for (const [at, word] of words.entries()) await fields.nth(at).fill(word);
  if (older) await page.getByLabel('Look for coins of older wallets').check();
  await page.getByLabel('Name of the wallet').fill(name);
  await page.getByLabel('New password').fill(password);
  await page.getByLabel('The same password again').fill(password);
  await page.getByRole('button', { name: 'Restore the wallet' }).click();
  await titled(page, 'Overview');
}

/** The whole address that the receive page shows, as it is without gaps. */
export async function receive(page) {
  await go(page, '/wallet/receive');
  const shown = page.locator('.receive .address.large');
  await shown.waitFor();
  const groups = await shown.locator('span').allTextContents();
  assert(groups.slice(0, -1).every((group) => group.length === 4), 'an address is shown in groups of four');
  return groups.join('');
}

/** The balance that the overview shows, as text without the unit. */
export async function balance(page) {
  const shown = page.locator('.balance .amount.large');
  return (await shown.getAttribute('title')) ?? '';
}

/** Waits until the overview shows this balance in coins. */
export async function balanceIs(page, coins) {
  await go(page, '/wallet');
  await page.locator('.balance .amount.large').waitFor();
  const wanted = `${coins} coins`;
  let last = '';
  await until(
    async () => {
      last = await balance(page);
      return last === wanted;
    },
    `a balance of ${wanted}`,
    45_000,
  ).catch((error) => {
    throw new Error(`${error.message}; it is ${last}`);
  });
}

/** Fills the page for sending and has it looked at. */
export async function prepare(page, { to, amount, all = false, rate = '5', label }) {
  await go(page, '/wallet/send');
  await page.getByLabel('To', { exact: true }).fill(to);
  if (all) await page.getByLabel('Send everything').check();
  else await page.getByLabel('Amount in coins').fill(amount);
  await page.getByRole('radio', { name: /By hand/ }).check();
  await page.getByLabel('Satoshis per virtual byte').fill(rate);
  if (label) await page.getByLabel('Label').fill(label);
  await page.getByRole('button', { name: /Look at it|Prepare it/ }).click();
}

/** Signs and sends what is being looked at; the transaction's id. */
export async function approve(page) {
  await page.getByRole('heading', { name: 'What you are about to sign' }).waitFor();
  const warned = page.getByLabel('I have read the warnings');
  await page.getByRole('button', { name: 'Sign and send' }).waitFor();
  if (await warned.count()) await warned.check();
  const sign = page.getByRole('button', { name: 'Sign and send' });
  await sign.click();
  await sign.waitFor({ state: 'detached' });
  await page.locator('.hash', { hasText: /^[0-9a-f]{64}$/ }).first().waitFor();
  const [, txid] = /\/wallet\/tx\/([0-9a-f]{64})/.exec(page.url());
  return txid;
}

export async function lock(page) {
  await page.getByRole('button', { name: /^(Lock|Close)$/ }).click();
  await page.getByRole('button', { name: /^(Unlock|Open)$/ }).waitFor();
}

export async function unlock(page, password = PASSWORD) {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Unlock', exact: true }).click();
}

/** Waits until the mempool has a transaction. */
export async function inMempool(session, txid) {
  await until(async () => (await session.rpc('getrawmempool')).includes(txid), `${txid} in the mempool`);
}

// The whole way by keyboard alone, in a window of 360 pixels.
import assert from 'node:assert/strict';
import { until } from '../harness.mjs';
import { balanceIs, inMempool, Miner, mine, PASSWORD, receive } from '../wallet.mjs';

/** Presses Tab until the focus is on what fits; an error if it goes round without. */
async function tabTo(page, fits, what) {
  for (let n = 0; n < 80; n += 1) {
    await page.keyboard.press('Tab');
    const named = await page.evaluate(() => {
      const at = document.activeElement;
      const label = at?.labels?.[0]?.innerText ?? at?.getAttribute('aria-label') ?? at?.innerText ?? '';
      return { label: label.trim(), seen: at ? at.matches(':focus-visible') : false };
    });
    if (fits.test(named.label)) {
      assert(named.seen, `the focus on ${what} can be seen`);
      return;
    }
  }
  assert.fail(`no way to ${what} by the Tab key`);
}

async function press(page, fits, what) {
  await tabTo(page, fits, what);
  await page.keyboard.press('Enter');
}

async function type(page, fits, text, what) {
  await tabTo(page, fits, what);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

/** Waits until a field has the focus, which the page gives it once it is drawn. */
async function focused(field, what) {
  await until(() => field.evaluate((element) => element === document.activeElement), `the focus on ${what}`);
}

export default async function keyboard(session) {
  const miner = await new Miner(session).begin(1);
  const page = await session.page('/wallet');
  await page.setViewportSize({ width: 360, height: 740 });
  const look = async (what) => {
    await session.fits(page);
    await session.accessible(page, what);
    await session.shot(what, page);
  };
  await look('welcome');
  await press(page, /^New wallet/, 'a new wallet');
  await page.getByLabel('New password').waitFor();
  await type(page, /^New password/, PASSWORD, 'the password');
  await type(page, /^The same password/, PASSWORD, 'the password again');
  await look('new');
  await page.keyboard.press('Enter');
  const list = page.locator('.word-list strong');
  await list.first().waitFor();
  const words = await list.allTextContents();
  await look('words');
  await tabTo(page, /^I have written/, 'the box');
  await page.keyboard.press('Space');
  await press(page, /^Continue/, 'the next step');
  await page.getByText('Which words stand').waitFor();
  // The first letters, and the list's word by the arrow keys.
  for (const field of await page.locator('.words.asked .word').all()) {
    const [, at] = /Word (\d+)/.exec(await field.locator('label').innerText());
    const word = words[at - 1];
    const input = field.locator('input');
    await focused(input, 'the next field');
    await page.keyboard.type(word.slice(0, 4));
    const offered = field.getByRole('option', { name: word, exact: true });
    if (word.length > 4) {
      await offered.waitFor();
      while (!(await offered.getAttribute('aria-selected')).includes('true')) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
    } else {
      await page.keyboard.press('Escape');
      await page.keyboard.press('Tab');
    }
    await until(async () => (await input.inputValue()) === word, `the word ${at}`);
  }
  await look('check');
  await page.getByRole('button', { name: 'Make the wallet' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('.balance').waitFor();
  await look('overview');
  const address = await receive(page);
  await look('receive');
  await miner.pay(address, 1);
  await mine(session);
  await balanceIs(page, '1.00000000');
  await press(page, /^Send$/, 'sending');
  await page.getByLabel('To', { exact: true }).waitFor();
  await type(page, /^To$/, 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', 'the address');
  await type(page, /^Amount/, '0.2', 'the amount');
  await look('send');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign and send' }).waitFor();
  await look('review');
  await press(page, /^Sign and send/, 'signing');
  await page.getByRole('heading', { name: 'Transaction', level: 1 }).waitFor();
  const [, txid] = /\/wallet\/tx\/([0-9a-f]{64})/.exec(page.url());
  await inMempool(session, txid);
  await look('transaction');
  for (const place of ['history', 'coins', 'psbt', 'message', 'labels', 'settings']) {
    await page.evaluate((to) => {
      globalThis.location.hash = to;
    }, `#/wallet/${place}`);
    await page.locator(`.places a[href="#/wallet/${place}"][aria-current]`).waitFor();
    await page.locator('.spinner').waitFor({ state: 'detached' });
    await look(place);
  }
  await page.emulateMedia({ colorScheme: 'dark' });
  await look('dark');
  await press(page, /^Lock$/, 'the lock');
  // The field has the focus by itself.
  await focused(page.getByLabel('Password'), 'the password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
}

// The package for npm in a page that is not the app: the example, served beside it, watches an account.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { ready, Signer } from '../../../wallet-wasm/pkg/node.js';
import { until } from '../harness.mjs';

const TYPES = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };

export default async function example(session) {
  await ready();
  const signer = new Signer();
  const { mnemonic } = signer.generate({ words: 12 });
  const made = { chain: { name: 'regtest' }, mnemonic, passphrase: '', password: 'p', name: 'n', birthday: 0 };
  const { accounts } = signer.create(made);
  const { address } = signer.call('address_at', { kind: 'segwit', account: 0, change: false, index: 0 });
  await session.rpc('generatetoaddress', 2, address);
  await session.rpc('generatetoaddress', 100, 'bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw');

  const serve = (prefix, folder) =>
    session.context.route(`**${prefix}**`, (route) => {
      const name = new URL(route.request().url()).pathname.slice(prefix.length);
      return route.fulfill({
        body: fs.readFileSync(new URL(name, new URL(folder, import.meta.url))),
        contentType: TYPES[name.split('.').pop()],
        headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" },
      });
    });
  await serve('/example/', '../../../wallet-wasm/examples/');
  await serve('/chaincore-wallet/', '../../../wallet-wasm/pkg/');
  // Browsers ask for one where a page names none.
  session.expected.push('favicon');

  const page = await session.context.newPage();
  await page.goto(`${session.url}/example/page.html`);
  await page.getByLabel('Descriptor').fill(accounts[0].receive);
  const shown = page.locator('#shown');
  await page.getByRole('button', { name: 'Watch' }).click();
  await until(async () => (await shown.innerText()).includes('satoshis'), 'the balance');
  const text = await shown.innerText();
  // One of the two rewards is a hundred blocks old.
  assert.match(text, /^10000000000 satoshis at block 102|^5000000000 satoshis at block 102/, text);
  assert.equal(text.match(/proven/g)?.length, 2, text);
  await page.getByLabel('Descriptor').fill('nonsense');
  await page.getByRole('button', { name: 'Watch' }).click();
  await until(async () => !(await shown.innerText()).includes('satoshis'), 'an error');
  assert.match(await shown.innerText(), /^\w+: /);
}

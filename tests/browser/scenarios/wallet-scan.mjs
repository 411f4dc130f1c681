// QR codes on their way in: a PSBT that is too long for one code goes from a wallet without keys to the one with the
// keys by pictures, and back by a camera; a payment request is scanned on the page for sending.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { show, squaresOf, watching } from '../camera.mjs';
import { becomes, until } from '../harness.mjs';
import { balanceIs, create, go, lock, Miner, mine, prepare, receive, titled, unlock } from '../wallet.mjs';

const { encodeQR } = createRequire(new URL('../../../web/package.json', import.meta.url))('qr');
const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

export const browser = () => ({ args: watching });

/** All codes of the sequence that a page shows, each by `look`. */
async function codes(page, look) {
  await page.getByRole('button', { name: 'QR code', exact: true }).click();
  const [, of] = /Code 1 of (\d+)/.exec(await page.getByText(/^Code 1 of/).innerText());
  const found = [];
  for (let n = 1; n <= Number(of); n += 1) {
    await page.getByText(`Code ${n} of ${of}`, { exact: true }).waitFor();
    found.push(await look(page.locator('.frames .qr'), n));
    await page.getByRole('button', { name: 'The next code' }).click();
  }
  return found;
}

async function open(page, name) {
  await go(page, '/wallet/list');
  await page.getByRole('link', { name: new RegExp(name) }).click();
}

export default async function scan(session) {
  const miner = await new Miner(session).begin(2);
  const page = await session.page('/wallet');
  await create(page, { name: 'Keys' });
  const address = await receive(page);
  await miner.pay(address, 1);
  await miner.pay(address, 2);
  await mine(session);
  await balanceIs(page, '3.00000000');
  await go(page, '/wallet/settings');
  const descriptors = await page.locator('.descriptor .hash').allInnerTexts();
  await lock(page);
  await go(page, '/wallet/watch');
  await page.getByLabel('Name of the wallet').fill('Watched');
  await page.getByLabel('Extended public key or descriptor').fill(`${descriptors[0]}\n${descriptors[1]}`);
  await page.getByRole('button', { name: 'Watch this wallet' }).click();
  await balanceIs(page, '3.00000000');

  // Both coins make it too long for one code.
  await prepare(page, { to: TO, amount: '2.5', rate: '4' });
  await page.getByRole('heading', { name: 'Ready to be signed elsewhere' }).waitFor();
  const pictures = await codes(page, async (svg, n) => {
    const file = path.join(session.profile, `code-${n}.png`);
    fs.writeFileSync(file, await svg.screenshot());
    return file;
  });
  assert(pictures.length > 1);
  await session.accessible(page, 'a sequence of codes');
  await session.shot('sequence', page);

  // From pictures, in any order; a picture without a code is told.
  show([Array.from({ length: 40 }, () => Array(40).fill(false))]);
  await open(page, 'Keys');
  await unlock(page);
  await titled(page, 'Overview');
  await go(page, '/wallet/psbt');
  await page.getByRole('button', { name: 'Scan' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What the camera sees').waitFor();
  const nothing = path.join(session.profile, 'nothing.png');
  fs.writeFileSync(nothing, await page.locator('.brand').screenshot());
  await dialog.getByLabel('Pictures of the code').setInputFiles(nothing);
  await dialog.getByText('There is no QR code to be found in nothing.png').waitFor();
  await session.accessible(page, 'scanning');
  await dialog.getByLabel('Pictures of the code').setInputFiles(pictures.slice(1).reverse());
  await dialog.getByText(`${pictures.length - 1} of ${pictures.length} codes`).waitFor();
  await session.shot('parts', page);
  await dialog.getByLabel('Pictures of the code').setInputFiles(pictures[0]);
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await page.getByText('It is signed and complete.').waitFor();
  const signed = await page.getByLabel('PSBT as text').inputValue();

  // Back by the camera, which sees one code after the other.
  show(await codes(page, squaresOf));
  await open(page, 'Watched');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await titled(page, 'Overview');
  await go(page, '/wallet/psbt');
  await page.getByRole('button', { name: 'Scan' }).click();
  await page.getByText('Complete').waitFor();
  await becomes(() => page.getByLabel('PSBT as text').inputValue(), signed);

  // A payment request.
  show([encodeQR(`bitcoin:${TO}?amount=0.125&label=Coffee`, 'raw', { border: 4 })]);
  await go(page, '/wallet/send');
  await page.getByRole('button', { name: 'Scan' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByText('You have not paid this address before.').waitFor();
  await becomes(() => page.getByLabel('To', { exact: true }).inputValue(), TO);
  await becomes(() => page.getByLabel('Amount in coins').inputValue(), '0.12500000');
  await becomes(() => page.getByLabel('Label').inputValue(), 'Coffee');
  // A browser with a detector of its own, which may or may not work.
  const detector = (found) =>
    page.evaluate((text) => {
      globalThis.BarcodeDetector = class {
        static getSupportedFormats = async () => ['aztec', 'qr_code'];
        detect = async () => (text === null ? Promise.reject(new Error('not on this machine')) : [{ rawValue: text }]);
      };
    }, found);
  const to = page.getByLabel('To', { exact: true });
  for (const [own, wanted] of [[null, TO], [address, address]]) {
    await detector(own);
    await to.fill('');
    await page.getByRole('button', { name: 'Scan' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await until(async () => (await to.inputValue()) === wanted, 'what was scanned');
  }
  // The camera is let go: nothing looks on after the dialog.
  await becomes(() => page.locator('video').count(), 0);
}

// The module traps, as it does when the code in it panics: in the signer, and in the light client. The wallet is locked,
// the page says so, and new workers do what the dead ones did.
import assert from 'node:assert/strict';
import { becomes, until } from '../harness.mjs';
import { balanceIs, create, go, PASSWORD, titled, unlock } from '../wallet.mjs';

/** A module whose only function does nothing but trap, as a panic ends: `(func (export "f") unreachable)`. */
const TRAP = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11];
const LOCKED = 'The wallet was locked after an internal error. Nothing was lost; unlock it again.';

/** Has the next workers of this kind trap when they are asked for this, for the `nth` time. */
async function trapping(session, which, method, nth = 1) {
  const files = `**/app/assets/${which}-worker-*.js`;
  await session.context.route(files, async (route) => {
    const answer = await route.fetch();
    // A worker hands each request over as JSON: there the module is replaced by one that traps.
    const trap = `{
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([${TRAP}])));
      const write = JSON.stringify;
      let left = ${nth};
      JSON.stringify = (value, ...rest) => {
        if (value?.method === '${method}' && --left === 0) exports.f();
        return write(value, ...rest);
      };
    }`;
    await route.fulfill({ response: answer, body: `${trap}\n${await answer.text()}` });
  });
  return () => session.context.unroute(files);
}

export default async function crash(session) {
  const page = await session.page('/wallet');
  await create(page, { name: 'Robust' });
  await balanceIs(page, '0.00000000');

  let heal = await trapping(session, 'signer', 'show_words');
  await page.reload();
  await unlock(page);
  await titled(page, 'Overview');
  await go(page, '/wallet/settings');
  await page.locator('summary', { hasText: 'Show the words' }).click();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Show the words' }).click();
  await page.getByRole('alert').getByText(LOCKED).waitFor();
  await page.getByText(/unreachable/).waitFor();
  await session.accessible(page, 'locked after an error');
  await session.shot('signer', page);
  await until(() => page.workers().length === 0, 'both workers to be gone');
  await heal();
  await unlock(page);
  await page.getByRole('button', { name: 'Lock', exact: true }).waitFor();
  await page.locator('summary', { hasText: 'Show the words' }).click();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Show the words' }).click();
  await page.locator('.word-list strong').first().waitFor();
  await becomes(() => page.locator('.word-list strong').count(), 12);

  // The light client looks at what it has been told every few seconds, whatever page is shown.
  heal = await trapping(session, 'light', 'poll', 12);
  await page.reload();
  await unlock(page);
  await page.getByRole('alert').getByText(LOCKED).first().waitFor();
  await until(() => page.workers().length === 0, 'both workers to be gone');
  await heal();
  await unlock(page);
  await go(page, '/wallet');
  await page.getByText('Checked to the tip').waitFor();
}

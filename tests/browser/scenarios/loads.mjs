// The page comes up, its sections open, it follows the tip, and nothing is refused or asked of anybody else.
import assert from 'node:assert/strict';
import { until } from '../harness.mjs';

export default async function loads(session) {
  const page = await session.page('/');
  const headers = (await page.request.get(session.url)).headers();
  assert.match(headers['content-security-policy'], /trusted-types cc/);
  await page.getByText('Live').first().waitFor({ state: 'attached' });
  for (const section of ['Wallet', 'Node', 'Explorer']) {
    await page.getByRole('link', { name: section, exact: true }).click();
    await page.locator('main h1').first().waitFor();
    await session.accessible(page, section);
  }
  const before = await session.rpc('getblockcount');
  await session.rpc('generatetoaddress', 1, 'bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw');
  await until(async () => (await page.locator('.live').innerText()).includes(`Block ${before + 1}`), 'the next block');
  assert(session.requests.length > 5);
  await page.setViewportSize({ width: 360, height: 740 });
  await session.fits(page);
  await session.shot('phone', page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await session.accessible(page, 'dark');
  await session.shot('dark', page);
}

// Both workers start from the module that the page was built with, answer, and are kept from what they must not do.
import assert from 'node:assert/strict';

export default async function workers(session) {
  const page = await session.page('/');
  const index = await (await page.request.get(session.url)).text();
  const [, script] = /src="(\/app\/assets\/app-[^"]+)"/.exec(index);
  const app = await (await page.request.get(session.url + script)).text();
  const path = (pattern) => pattern.exec(app)?.[0] ?? assert.fail(`no ${pattern} in the app`);
  const signer = path(/\/app\/assets\/signer-worker-\w+\.js/);
  const light = path(/\/app\/assets\/light-worker-\w+\.js/);
  const module = path(/\/app\/assets\/wallet-\w+\.wasm/);

  // A page of the test's own on the node's origin, since the app's policy lets nobody else make workers.
  const policy = (await page.request.get(session.url + signer)).headers()['content-security-policy'];
  assert.match(policy, /connect-src 'none'/);
  assert.doesNotMatch(policy, /'self'/);
  await session.context.route('**/test-page', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>test</title>', headers: {
      'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' } }));
  const bench = await session.context.newPage();
  await bench.goto(`${session.url}/test-page`);
  const answers = await bench.evaluate(async ({ signer, light, module }) => {
    const begin = await WebAssembly.compileStreaming(fetch(module));
    const talk = (url, calls) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(url, { type: 'module' });
        const heard = [];
        worker.onerror = (event) => reject(new Error(`${url}: ${event.message}`));
        worker.onmessage = ({ data }) => {
          if (data.ready) calls.forEach((call, id) => worker.postMessage({ id, ...call }));
          if (data.crash) reject(new Error(data.crash));
          if ('reply' in data) heard.push(JSON.parse(data.reply));
          if (heard.length === calls.length) {
            worker.terminate();
            resolve(heard);
          }
        };
        worker.postMessage({ begin });
      });
    const nothing = { method: 'no_such_method', params: {} };
    return {
      signer: await talk(signer, [nothing, { method: 'generate', params: { words: 12 } }]),
      light: await talk(light, [nothing]),
    };
  }, { signer, light, module });
  assert.equal(answers.signer[0].error.code, 'unknown_method');
  assert.equal(answers.light[0].error.code, 'unknown_method');
  assert.equal(answers.signer[1].result.mnemonic.split(' ').length, 12);
}

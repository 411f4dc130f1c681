// What page.html does: an account's balance and history, each payment proven by its merkle branch and proof of work.
import { Light, ready } from '/chaincore-wallet/web.js';

const field = (id) => document.getElementById(id);
await ready();

field('watch').addEventListener('click', async () => {
  const url = field('node').value || location.origin;
  const { name, file } = await (await fetch(`${url}/light/chain`)).json();
  const light = new Light({ url });
  try {
    light.open({ chain: file ? { file } : { name } });
    light.watch({ name: 'watched', descriptor: field('key').value });
    await light.sync();
    const { balance, tip } = light.summary();
    const lines = light.history().map(({ txid, net, state }) => `${txid}: ${net} satoshis, ${state}`);
    field('shown').textContent = [`${balance.confirmed} satoshis at block ${tip.height}`, ...lines].join('\n');
  } catch (error) {
    // `code` is for programs, the message for people.
    field('shown').textContent = `${error.code}: ${error.message}`;
  } finally {
    light.close();
  }
});

// A wallet in a file, for Node.js:  node node.mjs <node's URL> <file> [<address> <satoshis>]
// Shows what it has and where it is paid, and pays. The password comes from WALLET_PASSWORD.
import fs from 'node:fs';
import { Light, ready, Signer } from 'chaincore-wallet';

const [url, file, to, amount] = process.argv.slice(2);
const password = process.env.WALLET_PASSWORD ?? '';
await ready();

const { name, file: rules } = await (await fetch(`${url}/light/chain`)).json();
const chain = rules ? { file: rules } : { name };
const kept = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null;

const signer = new Signer();
const words = kept ? null : signer.generate({ words: 12 }).mnemonic;
const keys = kept
  ? signer.unlock({ vault: kept.vault, password })
  : signer.create({ chain, mnemonic: words, passphrase: '', password, name: 'example', birthday: 0 });
if (words) console.log(`write these words down: ${words}`);

const light = new Light({ url });
light.open({ chain, wallet_id: keys.wallet_id, state_key: keys.state_key, ...(kept && { state: kept.state }) });
if (!kept) for (const account of keys.accounts) light.addAccount(account);
if ((await light.sync()).unreachable) console.error(`${url} does not answer`);

if (to) {
  const { psbt } = light.create({ to: [{ address: to, amount: Number(amount) }], feerate: 2 });
  // The signer reads the PSBT itself: show this to whoever decides.
  const { outputs, fee } = signer.review({ psbt });
  console.log('paying', outputs.filter(({ kind }) => kind === 'payment'), 'for a fee of', fee);
  light.broadcast({ tx: signer.sign({ psbt }).tx });
  await light.sync();
  console.log('sent', JSON.stringify(light.summary().sent));
}
console.log('balance', JSON.stringify(light.summary().balance));
console.log('address', light.receive().address);
fs.writeFileSync(file, JSON.stringify({ vault: keys.vault ?? kept.vault, state: light.save().state }));

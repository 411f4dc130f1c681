// The signer as programs call it: answers, errors, and that nothing brings it down.
import assert from 'node:assert/strict';
import { createECDH, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { ready, Signer, WalletError } from '../pkg/node.js';

await ready();

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const create = { chain: { name: 'main' }, mnemonic: WORDS, passphrase: '', password: 'correct horse', name: 'a', birthday: 0 };

test('words are new every time, and judged', () => {
  const signer = new Signer();
  const [one, two] = [signer.generate({ words: 24 }), signer.generate({ words: 24 })];
  assert.notEqual(one.mnemonic, two.mnemonic);
  assert.equal(one.mnemonic.split(' ').length, 24);
  assert.equal(signer.check(one).valid, true);
  assert.equal(signer.check({ mnemonic: WORDS.replace('about', 'abandon') }).valid, false);
  assert(signer.suggest({ prefix: 'aban' }).words.includes('abandon'));
  signer.close();
});

test('a vault opens with its password alone', () => {
  const signer = new Signer();
  const { vault, accounts, wallet_id: id } = signer.create(create);
  // The addresses of these words are in BIP84 and BIP86.
  assert(JSON.stringify(accounts).includes('xpub'), JSON.stringify(accounts));
  assert(!JSON.stringify(vault).includes('abandon'));
  const other = new Signer();
  assert.throws(() => other.unlock({ vault, password: 'wrong horse' }), (error) => error instanceof WalletError && error.code !== 'crashed');
  assert.throws(() => other.account({ kind: 'segwit', index: 0 }), { code: 'locked' });
  const opened = other.unlock({ vault, password: create.password });
  assert.equal(opened.wallet_id, id);
  assert.deepEqual(opened.accounts, accounts);
  assert.equal(other.showWords({ password: create.password }).mnemonic, WORDS);
});

test('published addresses', () => {
  const signer = new Signer();
  signer.create(create);
  const at = (kind, change = false, index = 0) => signer.call('address_at', { kind, account: 0, change, index }).address;
  assert.equal(at('segwit'), 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu');
  assert.equal(at('segwit', false, 1), 'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g');
  assert.equal(at('segwit', true), 'bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el');
  assert.equal(at('taproot'), 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr');
  assert.equal(at('taproot', false, 1), 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh');
  assert.equal(at('taproot', true), 'bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7');
});

test('letters beyond ASCII are decomposed as BIP39 says', () => {
  const signer = new Signer();
  // BIP39's seed and BIP32's fingerprint, by another library.
  const expected = (passphrase) => {
    const seed = pbkdf2Sync(WORDS, `mnemonic${passphrase.normalize('NFKD')}`, 2048, 64, 'sha512');
    const curve = createECDH('secp256k1');
    curve.setPrivateKey(createHmac('sha512', 'Bitcoin seed').update(seed).digest().subarray(0, 32));
    const key = createHash('sha256').update(curve.getPublicKey(null, 'compressed')).digest();
    return createHash('ripemd160').update(key).digest('hex').slice(0, 8);
  };
  const fingerprint = (passphrase) => signer.create({ ...create, passphrase }).fingerprint;
  const [composed, decomposed, wide] = ['Ån ﬁ', 'A\u030an fi', 'Å\uff4e\u3000\ufb01'].map(fingerprint);
  assert.equal(composed, expected('Ån ﬁ'));
  assert.deepEqual([decomposed, wide], [composed, composed]);
  assert.equal(fingerprint('plain'), expected('plain'));
  const ideographicSpaces = WORDS.replaceAll(' ', '\u3000');
  assert.equal(signer.create({ ...create, mnemonic: ideographicSpaces }).fingerprint, expected(''));
});

test('whatever it is asked, it answers', () => {
  const signer = new Signer();
  signer.create(create);
  const values = [undefined, null, 0, -1, 1e300, '', 'x'.repeat(100_000), '\u0000', [], [[]], {}, { a: 1 }, true];
  const methods = ['generate', 'check', 'suggest', 'create', 'unlock', 'account', 'xpub', 'address_at', 'review', 'sign',
    'sign_message', 'show_words', 'change_password', 'combine', 'finalise', 'verify_message', 'describe', 'address', ''];
  const names = ['words', 'mnemonic', 'prefix', 'vault', 'kind', 'index', 'path', 'psbt', 'psbts', 'message', 'address', 'chain', 'text'];
  for (const method of methods) {
    for (const value of values) {
      const params = Object.fromEntries(names.map((name) => [name, value]));
      try {
        signer.call(method, params);
      } catch (error) {
        assert(error instanceof WalletError, `${method}: ${error}`);
        assert.notEqual(error.code, 'crashed', `${method} ${JSON.stringify(value)}: ${error.message}`);
      }
    }
  }
  assert.equal(signer.account({ kind: 'segwit', index: 0 }).kind, 'segwit');
});

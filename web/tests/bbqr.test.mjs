// Sequences of QR codes: what the reference implementation (npm `bbqr` 1.2.0) writes is read, and what is written here
// is what it would write without compression in one code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

const built = await build({
  entryPoints: [new URL('../src/wallet/scan/bbqr.ts', import.meta.url).pathname],
  bundle: true,
  write: false,
  format: 'esm',
});
const { base32, fromBase32, Joiner, split } = await import(
  `data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`
);

const TEXT = Buffer.from('psbtÿ the same words again and the same words again');
const THEIRS = {
  hex: [
    'B$HP020070736274C3BF207468652073616D6520776F72647320616761696E20616E64207468',
    'B$HP0201652073616D6520776F72647320616761696E',
  ],
  base32: ['B$2P0200OBZWE5GDX4QHI2DFEBZWC3LFEB3W64TEOMQGCZ3BNFXCAYLOMQQHI2DFEBZWC3LF', 'B$2P0201EB3W64TEOMQGCZ3BNFXA'],
  compressed: ['B$ZP0200FMUE4KRZXRP2CJBDKWQTQMJXKWQTZPZI', 'B$ZP0201UVMCCMJ5GEZU6IJRF4C2WBAA'],
};

async function joined(parts, longest = 1 << 20) {
  const joiner = new Joiner(longest);
  for (const part of parts) assert(joiner.add(part), part);
  return joiner.joined();
}

test('what others write is read, in any order and however often', async () => {
  for (const parts of Object.values(THEIRS)) {
    for (const order of [parts, [...parts].reverse(), [parts[0], parts[0], parts[1], parts[0]]]) {
      const { kind, bytes } = await joined(order);
      assert.equal(kind, 'P');
      assert.deepEqual(Buffer.from(bytes), TEXT);
    }
    assert.equal(await joined([parts[0]]), null);
  }
});

test('what is written is read, whatever its length', async () => {
  assert.deepEqual(split(TEXT, 'P'), [
    'B$2P0100OBZWE5GDX4QHI2DFEBZWC3LFEB3W64TEOMQGCZ3BNFXCAYLOMQQHI2DFEBZWC3LFEB3W64TEOMQGCZ3BNFXA',
  ]);
  for (let length = 1; length < 2000; length += 37) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * at * 7 + at) & 255);
    assert.deepEqual(fromBase32(base32(bytes)), bytes);
    const parts = split(bytes, 'P', 80);
    assert(parts.every((part) => part.length <= 88 && /^[0-9A-Z$]+$/.test(part)));
    assert.deepEqual((await joined(parts)).bytes, bytes);
  }
  assert.equal(split(new Uint8Array(100_000), 'P', 80), null);
});

test('what is no part is none, and what is too much is refused', async () => {
  const joiner = new Joiner(1000);
  const bad = ['', 'B$', 'B$2P0100', 'B$XP0100AA', 'B$2P0000AA', 'B$2P0101AA', 'B$2p0100AA', 'b$2P0100AA', `B$2P0100${'A'.repeat(5000)}`];
  for (const part of bad) assert.equal(joiner.add(part), false, part);
  assert.deepEqual(joiner.progress, { have: 0, of: 0 });
  await assert.rejects(joined(['B$2P0100A1']), /damaged/);
  await assert.rejects(joined(['B$HP0100ABC']), /damaged/);
  await assert.rejects(joined(split(new Uint8Array(2000), 'P'), 1000), /too long/);
  await assert.rejects(joined(THEIRS.compressed, 40), /too long/);
  await assert.rejects(joined(['B$ZP0100AAAA']));
});

test('another sequence begins anew', async () => {
  const joiner = new Joiner(1000);
  joiner.add(THEIRS.hex[0]);
  assert.deepEqual(joiner.progress, { have: 1, of: 2 });
  joiner.add('B$HP0300AABB');
  assert.deepEqual(joiner.progress, { have: 1, of: 3 });
  // The same head with another part of the same number is another sequence, too.
  joiner.add('B$HP0301CCDD');
  joiner.add('B$HP030000FF');
  assert.deepEqual(joiner.progress, { have: 1, of: 3 });
});

/**
 * BBQr: bytes as a sequence of QR codes, in any order, as signing devices show and read them.
 *
 * Each code is `B$`, how the bytes are written, what they are, how many codes there are and which one this is (both in
 * base 36, two digits), then its part. Written here as base32 without compression, which every reader must know; read
 * in all three ways.
 */

/** What a PSBT is called. */
export const PSBT = 'P';

const HEAD = /^B\$([H2Z])([A-Z])([0-9A-Z]{2})([0-9A-Z]{2})([0-9A-Z]+)$/;
const HEAD_LENGTH = 8;
const MOST_PARTS = 36 * 36 - 1;
/** No QR code holds more characters. */
const LONGEST_PART = 4296;
/** Of one code that is written here: 65 squares wide, which cameras of small devices can read from a screen. */
const PART = 520;
/** Base32 works in groups of so many characters, and each part must stand alone. */
const GROUP = 8;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Whether a text is a part of such a sequence. */
export const isPart = (text: string): boolean => text.startsWith('B$');

export function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** Bytes of base32 without padding; null if it is none. */
export function fromBase32(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return null;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = held >> bits;
      at += 1;
      held &= (1 << bits) - 1;
    }
  }
  return bytes;
}

function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^(?:[0-9A-F]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const digits = (value: number): string => value.toString(36).toUpperCase().padStart(2, '0');

/** The texts of the codes; null if there would be too many. */
export function split(bytes: Uint8Array, kind: string, part = PART): string[] | null {
  const text = base32(bytes);
  const count = Math.max(1, Math.ceil(text.length / part));
  if (count > MOST_PARTS) return null;
  // As even as can be: the codes are then of one size.
  const length = Math.ceil(text.length / count / GROUP) * GROUP;
  const of = Math.max(1, Math.ceil(text.length / length));
  return Array.from({ length: of }, (_, at) => `B$2${kind}${digits(of)}${digits(at)}${text.slice(at * length, (at + 1) * length)}`);
}

export interface Joined {
  kind: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Puts together what comes in. */
export class Joiner {
  private head = '';
  private readonly parts = new Map<number, string>();
  private of = 0;

  constructor(private readonly longest: number) {}

  /** How many parts there are, and how many are here. */
  get progress(): { have: number; of: number } {
    return { have: this.parts.size, of: this.of };
  }

  /** Takes a part in: whether it is one. One of another sequence begins anew. */
  add(text: string): boolean {
    const found = HEAD.exec(text);
    if (!found || text.length > LONGEST_PART) return false;
    const [, , , count = '', which = '', part = ''] = found;
    const of = Number.parseInt(count, 36);
    const at = Number.parseInt(which, 36);
    if (of < 1 || at >= of) return false;
    const head = text.slice(0, HEAD_LENGTH - 2);
    if (head !== this.head) {
      this.parts.clear();
      this.head = head;
      this.of = of;
    }
    // A part that changes is of another sequence, too.
    if ((this.parts.get(at) ?? part) !== part) this.parts.clear();
    this.parts.set(at, part);
    return true;
  }

  /** All of it; null while parts are missing. An error if it cannot be read. */
  async joined(): Promise<Joined | null> {
    if (this.of === 0 || this.parts.size < this.of) return null;
    const way = this.head[2] ?? '';
    const kind = this.head[3] ?? '';
    const read = way === 'H' ? fromHex : fromBase32;
    const pieces = Array.from({ length: this.of }, (_, at) => read(this.parts.get(at) ?? ''));
    const whole: Uint8Array[] = [];
    for (const piece of pieces) {
      if (!piece) throw new Error('a part of the sequence is damaged');
      whole.push(piece);
    }
    const bytes = together(whole, this.longest);
    return { kind, bytes: way === 'Z' ? await inflated(bytes, this.longest) : bytes };
  }
}

function together(pieces: readonly Uint8Array[], longest: number): Uint8Array<ArrayBuffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > longest) throw new Error('the sequence is too long');
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** What was compressed without a header. */
async function inflated(bytes: Uint8Array<ArrayBuffer>, longest: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return together(pieces, longest);
    length += value.length;
    if (length > longest) {
      await reader.cancel();
      throw new Error('the sequence is too long');
    }
    pieces.push(value);
  }
}

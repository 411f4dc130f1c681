/** Files that people choose and that they are given. */
import { t } from '../../text';

/** The text of a chosen file. */
export async function readText(file: File | undefined, longest: number): Promise<string> {
  return new TextDecoder().decode(await readBytes(file, longest));
}

/** The bytes of a chosen file. */
export async function readBytes(file: File | undefined, longest: number): Promise<Uint8Array> {
  if (!file) throw new Error(t('wallet.file.none'));
  if (file.size > longest) throw new Error(t('wallet.file.large'));
  return new Uint8Array(await file.arrayBuffer());
}

/** Gives a file to whoever sits there. */
export function giveFile(name: string, content: string | Uint8Array<ArrayBuffer>, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A name of a wallet as a part of a file's name. */
export function fileName(name: string, ending: string): string {
  const plain = name.normalize('NFKD').replaceAll(/[^\w-]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return `${plain === '' ? 'wallet' : plain.slice(0, 40)}${ending}`;
}

/** Base64 of bytes, in pieces that the browser's own function takes. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Bytes of base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

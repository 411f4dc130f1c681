/**
 * The worker that looks for QR codes in pictures. What a camera sees comes from anybody: it is taken apart here, where
 * there is no network and nothing to find. It is started when somebody scans, and ends with that.
 */
import { decodeQR } from 'qr/decode.js';

export interface Look {
  id: number;
  width: number;
  height: number;
  /** Red, green, blue and opacity of each point. */
  data: ArrayBuffer;
  /** A single picture may take longer than one of many. */
  patient: boolean;
}

export interface Seen {
  id: number;
  /** Null if there is no code in it, or none that can be read. */
  text: string | null;
}

/** In milliseconds. */
const LONG = 3000;
const SHORT = 150;

globalThis.addEventListener('message', ({ data: look }: MessageEvent<Look>) => {
  const { id, width, height, patient } = look;
  let text: string | null = null;
  try {
    const image = { width, height, data: new Uint8ClampedArray(look.data) };
    text = decodeQR(image, { effort: patient ? 8 : 2, timeLimit: patient ? LONG : SHORT });
  } catch {
    // Most pictures of a camera show no code.
  }
  globalThis.postMessage({ id, text } satisfies Seen);
});

/**
 * Reading QR codes out of pictures: by the browser's own detector where it has one, else by a decoder in a worker of its
 * own, which is loaded only then.
 */
import { start } from '../worker/start';
import type { Look, Seen } from '../worker/scan.worker';

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
interface Detectors {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

/** More points than this on a side show no more of a code; in a film, speed counts. */
const LARGEST_PICTURE = 2000;
const LARGEST_FRAME = 960;

async function ownDetector(): Promise<Detector | null> {
  const of = (globalThis as { BarcodeDetector?: Detectors }).BarcodeDetector;
  try {
    return of && (await of.getSupportedFormats()).includes('qr_code') ? new of({ formats: ['qr_code'] }) : null;
  } catch {
    return null;
  }
}

export class Reader {
  private detector = ownDetector();
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, (text: string | null) => void>();
  private readonly canvas = document.createElement('canvas');
  private last = 0;
  private ended = false;

  /** The text of the code in a picture that somebody chose; null if none is found. An error if it is no picture. */
  async picture(file: Blob): Promise<string | null> {
    const bitmap = await createImageBitmap(file);
    try {
      const own = await this.detected(bitmap);
      return own ?? (await this.decoded(bitmap, bitmap.width, bitmap.height, LARGEST_PICTURE, true));
    } finally {
      bitmap.close();
    }
  }

  /** The text of the code that a camera sees now. */
  async frame(video: HTMLVideoElement): Promise<string | null> {
    if (await this.detector) return this.detected(video);
    return this.decoded(video, video.videoWidth, video.videoHeight, LARGEST_FRAME, false);
  }

  /** Ends the worker. */
  end(): void {
    this.ended = true;
    this.worker?.terminate();
    for (const done of this.waiting.values()) done(null);
    this.waiting.clear();
  }

  private async detected(source: CanvasImageSource): Promise<string | null> {
    const detector = await this.detector;
    if (!detector) return null;
    try {
      return (await detector.detect(source))[0]?.rawValue ?? null;
    } catch {
      // Some browsers have it and cannot do it.
      this.detector = Promise.resolve(null);
      return null;
    }
  }

  private decoded(source: CanvasImageSource, width: number, height: number, largest: number, patient: boolean): Promise<string | null> {
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (this.ended || !context || width === 0 || height === 0) return Promise.resolve(null);
    const scale = Math.min(1, largest / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    // What is transparent in a picture is meant to be seen on paper.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(source, 0, 0, this.canvas.width, this.canvas.height);
    const { data } = context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    this.last += 1;
    const look: Look = { id: this.last, width: this.canvas.width, height: this.canvas.height, data: data.buffer, patient };
    return new Promise((done) => {
      this.waiting.set(look.id, done);
      this.started().postMessage(look, [data.buffer]);
    });
  }

  private started(): Worker {
    if (!this.worker) {
      this.worker = start('scan');
      this.worker.addEventListener('message', ({ data: seen }: MessageEvent<Seen>) => {
        this.waiting.get(seen.id)?.(seen.text);
        this.waiting.delete(seen.id);
      });
      this.worker.addEventListener('error', () => {
        for (const done of this.waiting.values()) done(null);
        this.waiting.clear();
      });
    }
    return this.worker;
  }
}

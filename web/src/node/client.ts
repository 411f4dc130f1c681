/**
 * Asking the node that served this page. Nothing else is ever asked: the page's own origin is the only one that its
 * Content-Security-Policy lets it reach.
 */
import { t } from '../text';

/** Why there is no answer. */
export class NodeError extends Error {
  override readonly name = 'NodeError';
  constructor(
    readonly kind: 'offline' | 'timeout' | 'status' | 'shape',
    /** The HTTP status; 0 if there was none. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
  /** Whether the node says that it does not have it. */
  get missing(): boolean {
    return this.status === 404;
  }
}

export interface Ask {
  /** Ends the request when its page is left. */
  signal?: AbortSignal;
  /** In milliseconds. */
  patience?: number;
}

const PATIENCE = 20_000;
/** So long does a node that was asked too much have one wait at most, in seconds. */
const LONGEST_PAUSE = 10;
/** So many requests at a time: a browser opens no more connections to one place anyway. */
const AT_A_TIME = 6;

let running = 0;
const waiting: (() => void)[] = [];

async function turn(): Promise<void> {
  if (running >= AT_A_TIME) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
}

function done(): void {
  running -= 1;
  waiting.shift()?.();
}

async function request(path: string, ask: Ask, init: RequestInit = {}): Promise<Response> {
  await turn();
  const limit = AbortSignal.timeout(ask.patience ?? PATIENCE);
  try {
    ask.signal?.throwIfAborted();
    const signal = ask.signal ? AbortSignal.any([ask.signal, limit]) : limit;
    const once = (): Promise<Response> =>
      fetch(path, { ...init, signal, credentials: 'same-origin', redirect: 'error' });
    let response = await once();
    // Asked too much: it says when it is time again.
    while (response.status === 429) {
      await pause(Number(response.headers.get('Retry-After')), signal);
      response = await once();
    }
    if (!response.ok) {
      const message = said(await response.text());
      throw new NodeError('status', response.status, t('error.status', { status: String(response.status), message }));
    }
    return response;
  } catch (error) {
    if (error instanceof NodeError || ask.signal?.aborted) throw error;
    if (limit.aborted) throw new NodeError('timeout', 0, t('error.timeout'));
    throw new NodeError('offline', 0, t('error.offline'));
  } finally {
    done();
  }
}

/** Waits, in seconds, unless it is ended before. */
async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  const wait = Math.min(Math.max(seconds || 1, 1), LONGEST_PAUSE) * 1000;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, wait);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  signal.throwIfAborted();
}

/** What an error's body says, whether it is text or JSON. */
function said(body: string): string {
  const text = body.slice(0, 500).trim();
  try {
    const parsed = JSON.parse(text) as { message?: unknown; error?: unknown };
    const message = parsed.message ?? parsed.error;
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

/** JSON. */
export async function json<T>(path: string, ask: Ask = {}): Promise<T> {
  const response = await request(path, ask);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    throw new NodeError('shape', response.status, t('error.shape'));
  }
}

/** Text. */
export async function text(path: string, ask: Ask = {}): Promise<string> {
  return (await (await request(path, ask)).text()).trim();
}

/** Bytes. */
export async function bytes(path: string, ask: Ask = {}): Promise<Uint8Array> {
  return new Uint8Array(await (await request(path, ask)).arrayBuffer());
}

/** Sends text. */
export async function post(path: string, body: string, ask: Ask = {}): Promise<string> {
  const headers = { 'Content-Type': 'text/plain' };
  return (await (await request(path, ask, { method: 'POST', body, headers })).text()).trim();
}

/** `null` for what the node does not have. */
export async function maybe<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NodeError && error.missing) return null;
    throw error;
  }
}

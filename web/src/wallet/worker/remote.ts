/** Calling a worker: one promise for each call, and one end for all of them when the worker dies. */
import { t } from '../../text';
import type { FromWorker, ToWorker } from './messages';
import { module, start } from './start';

/** The methods of a service: what each takes and gives. */
export type Methods = Record<string, { params: object; result: unknown }>;

/** What the wallet says is wrong; `code` is for programs, the message for people. */
export class WalletError extends Error {
  override readonly name = 'WalletError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Waiting {
  done: (result: unknown) => void;
  failed: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Longer than the slowest call: a password is stretched for a second, on a slow phone for ten. */
const PATIENCE = 120_000;

export class Remote<M extends Methods> {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly ready: Promise<void>;
  private last = 0;
  private ended: Error | null = null;

  constructor(
    which: 'signer' | 'light',
    private readonly events: { crashed?: (error: Error) => void; news?: (news: unknown) => void } = {},
  ) {
    const worker = start(which);
    this.worker = worker;
    this.ready = new Promise<void>((resolve, reject) => {
      worker.addEventListener('message', (event: MessageEvent<FromWorker>) => {
        const said = event.data;
        if ('ready' in said) resolve();
        else if ('crash' in said) this.crash(said.crash, reject);
        else if ('news' in said) this.events.news?.(said.news);
        else this.answer(said.id, said.reply);
      });
      worker.addEventListener('error', (event) => this.crash(event.message, reject));
      module().then(
        (begin) => this.post({ begin }),
        (error: unknown) => this.crash(String(error), reject),
      );
    });
    // A failure is told to whoever calls.
    this.ready.catch(() => undefined);
  }

  /** Calls a method of the service in the worker. */
  async call<K extends keyof M & string>(method: K, params: M[K]['params']): Promise<M[K]['result']> {
    await this.ready;
    if (this.ended) throw this.ended;
    this.last += 1;
    const id = this.last;
    return new Promise<M[K]['result']>((done, failed) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        failed(new WalletError('timeout', t('wallet.error.timeout')));
      }, PATIENCE);
      this.waiting.set(id, { done, failed, timer });
      this.post({ id, method, params });
    });
  }

  /** Has the light worker look for news now. */
  wake(): void {
    this.post({ wake: true });
  }

  /** Ends the worker, and with it everything in its memory. */
  end(reason: Error = new WalletError('locked', t('wallet.error.locked'))): void {
    if (this.ended) return;
    this.ended = reason;
    this.worker.terminate();
    for (const { failed, timer } of this.waiting.values()) {
      clearTimeout(timer);
      failed(reason);
    }
    this.waiting.clear();
  }

  private post(message: ToWorker): void {
    if (!this.ended) this.worker.postMessage(message);
  }

  private answer(id: number, reply: string): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    const said = JSON.parse(reply) as { result?: unknown; error?: { code: string; message: string } };
    if (said.error) waiting.failed(new WalletError(said.error.code, said.error.message));
    else waiting.done(said.result);
  }

  private crash(what: string, reject: (error: Error) => void): void {
    if (this.ended) return;
    const error = new WalletError('crashed', `${t('wallet.error.crashed')} (${what})`);
    this.end(error);
    reject(error);
    this.events.crashed?.(error);
  }
}

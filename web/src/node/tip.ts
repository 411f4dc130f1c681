/**
 * Following the node: one WebSocket for the whole page, `ws(s)://…/ws` on the page's own origin, and asking every few
 * seconds for what it does not tell, and for all of it while there is none.
 */
import { signal } from '@preact/signals';
import { type Heard, type Link, Socket } from './socket';
import { type Status, status } from './status';

export type { Link } from './socket';

export interface Tip {
  height: number;
  hash: string;
}

/** An event of the mempool, as `subscribe_mempool` sends it. */
export interface MempoolNews {
  sequence: number;
  events: { event: 'added' | 'removed' | 'gap'; txid?: string; reason?: string; lost?: number }[];
}

/** The node's tip; null until it is known. */
export const tip = signal<Tip | null>(null);
/** Whether news arrive by themselves. */
export const link = signal<Link>('connecting');
/** Whether there is no node: it was looked for in vain, and has not come back. */
export const gone = signal(false);
/** What the node said of itself last. */
export const node = signal<Status | null>(null);

const ASK_EVERY = 5000;

const listeners = new Set<(news: MempoolNews) => void>();
let socket: Socket | null = null;

/** Begins to follow the node; once for the whole page. */
export function follow(): void {
  if (socket) return;
  socket = new Socket(heard, (now) => {
    link.value = now;
    // Each try to come back is no sign of life yet.
    if (now !== 'connecting') gone.value = now === 'lost';
  });
  socket.subscribe('subscribe_tip');
  void ask();
  globalThis.addEventListener('online', () => socket?.hurry());
}

/** Calls `listener` with the mempool's news until the returned function is called. */
export function onMempool(listener: (news: MempoolNews) => void): () => void {
  listeners.add(listener);
  socket?.subscribe('subscribe_mempool');
  return () => {
    listeners.delete(listener);
  };
}

/** Tries the connection at once instead of when its turn comes. */
export function hurry(): void {
  socket?.hurry();
}

function heard(news: Heard): void {
  if (news.method === 'tip') moved(news.result as Tip);
  if (news.method === 'mempool') for (const listener of listeners) listener(news.result as MempoolNews);
}

function moved(to: Tip): void {
  if (tip.peek()?.hash !== to.hash) tip.value = { height: to.height, hash: to.hash };
}

async function ask(): Promise<void> {
  try {
    const said = await status({ patience: 10_000 });
    node.value = said;
    moved({ height: said.height, hash: said.best_block_hash });
  } catch {
    // The page shows `link`; the next round may fare better.
  }
  setTimeout(() => void ask(), ASK_EVERY);
}

/** The mempool as a list that follows the node: one look at the whole, then the WebSocket's events. */
import { signal } from '@preact/signals';
import { link, type MempoolNews, onMempool } from '../node/tip';
import { poolPage } from './api';

export interface PoolTx {
  txid: string;
  vsize: number;
  fee: number;
  time: number;
}

export interface PoolState {
  txs: ReadonlyMap<string, PoolTx>;
  /** How many the node has; more than `txs` if it has more than this page holds. */
  count: number;
}

/** An event of the mempool with all that it tells. */
type PoolEvent = MempoolNews['events'][number] & { vsize?: number; fee?: number; time?: number };

/** More than this nobody can tell apart in a picture, and a browser should not hold. */
const MOST = 1500;
/** The mempool may change many times a second; nobody looks that fast. */
const DRAW_EVERY = 1000;
/** What the node must be asked for is asked for less often. */
const COUNT_EVERY = 3000;
const RETRY_AFTER = 5000;
/** While the WebSocket tells nothing. */
const ASK_EVERY = 10_000;

/** What is in the mempool; null until the first answer. */
export const pool = signal<PoolState | null>(null);
/** Counts what is drawn, for pages that ask the node for figures of the mempool. */
export const poolChanges = signal(0);

let txs = new Map<string, PoolTx>();
let unseen = 0;
let watchers = 0;
let asking: AbortController | undefined;
let waiting: PoolEvent[] = [];
let countTimer: ReturnType<typeof setTimeout> | undefined;
let drawTimer: ReturnType<typeof setTimeout> | undefined;
let askTimer: ReturnType<typeof setTimeout> | undefined;
let stopNews: (() => void) | undefined;

function draw(): void {
  drawTimer ??= setTimeout(() => {
    drawTimer = undefined;
    pool.value = { txs: new Map(txs), count: txs.size + unseen };
  }, DRAW_EVERY);
  countTimer ??= setTimeout(() => {
    countTimer = undefined;
    poolChanges.value += 1;
  }, COUNT_EVERY);
}

function apply(event: PoolEvent): void {
  const { txid } = event;
  if (event.event === 'gap') askSoon(0);
  if (txid === undefined) return;
  if (event.event === 'removed') {
    if (!txs.delete(txid) && unseen > 0) unseen -= 1;
  } else if (event.event === 'added' && !txs.has(txid)) {
    if (txs.size < MOST) txs.set(txid, { txid, vsize: event.vsize ?? 0, fee: event.fee ?? 0, time: event.time ?? 0 });
    else unseen += 1;
  }
}

function heard(news: MempoolNews): void {
  // The first message has no events: from now on all will be told, and what came before is to be asked for.
  if (news.events.length === 0) askSoon(0);
  if (asking) waiting.push(...news.events);
  else news.events.forEach(apply);
  draw();
}

function askSoon(ms: number): void {
  clearTimeout(askTimer);
  askTimer = setTimeout(() => void ask(), ms);
}

async function ask(): Promise<void> {
  asking?.abort();
  if (watchers === 0) return;
  const mine = new AbortController();
  asking = mine;
  waiting = [];
  try {
    const page = await poolPage(MOST, { signal: mine.signal });
    if (mine.signal.aborted) return;
    txs = new Map(page.transactions.map(({ txid, vsize, fee, time }) => [txid, { txid, vsize, fee, time }]));
    unseen = Math.max(0, page.count - txs.size);
    asking = undefined;
    // What was told meanwhile is in the answer or not; to apply it again does no harm.
    for (const event of waiting.splice(0)) apply(event);
    draw();
    if (link.peek() !== 'live') askSoon(ASK_EVERY);
  } catch {
    if (mine.signal.aborted) return;
    asking = undefined;
    askSoon(RETRY_AFTER);
  }
}

/** Keeps the list for as long as somebody shows it, which the returned function ends. */
export function watchPool(): () => void {
  watchers += 1;
  if (watchers === 1) {
    stopNews = onMempool(heard);
    askSoon(0);
  }
  return () => {
    watchers -= 1;
    if (watchers > 0) return;
    stopNews?.();
    asking?.abort();
    asking = undefined;
    clearTimeout(askTimer);
  };
}

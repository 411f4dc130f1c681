/**
 * The worker that talks to the node: it fetches what the light client asks for, hands in what came, and says when
 * something changed. It sees public keys only.
 */
import { initSync, LightService } from 'chaincore-wallet-bindings';
import { Drive } from '../../../../wallet-wasm/npm/drive';
import { Socket } from '../../node/socket';
import type { FromWorker, ToWorker } from './messages';

/** In milliseconds. */
const LOOK_EVERY = 5000;
/** After news of the mempool, at most so often. */
const NUDGE_EVERY = 5000;
const AFTER_A_FAILURE = 3000;
/** Calls after which there may be something to ask for. */
const ASKING = ['open', 'configure', 'add_account', 'watch', 'broadcast', 'rebroadcast', 'receive', 'rescan', 'nudge', 'pause'];

let service: LightService | null = null;
let drive: Drive | null = null;
let opened = false;
let nudged = 0;
let running = false;
let again = false;
let timer: ReturnType<typeof setTimeout> | undefined;

const tell = (message: FromWorker): void => globalThis.postMessage(message);

/** The module is in a state that nobody knows: it is never called again. */
function crash(error: unknown): void {
  service = null;
  tell({ crash: error instanceof Error ? error.message : String(error) });
  globalThis.close();
}

globalThis.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const said = event.data;
  try {
    if ('begin' in said) begin(said.begin);
    else if ('wake' in said) void look();
    else if (service) answer(service.call(JSON.stringify({ method: said.method, params: said.params })), said);
  } catch (error) {
    crash(error);
  }
});

function begin(module: WebAssembly.Module): void {
  initSync({ module });
  service = new LightService();
  drive = new Drive(service, { url: globalThis.location.origin, news: (news) => tell({ news }) });
  const socket = new Socket((news) => {
    if (news.method === 'tip') nudge();
    // A mempool may have news all the time.
    else if (Date.now() - nudged > NUDGE_EVERY) nudge();
  });
  socket.subscribe('subscribe_tip');
  socket.subscribe('subscribe_mempool');
  tell({ ready: true });
}

/** Something happened at the node: it is asked at once. */
function nudge(): void {
  if (!opened || !service) return;
  nudged = Date.now();
  try {
    service.call(JSON.stringify({ method: 'nudge', params: {} }));
  } catch (error) {
    crash(error);
    return;
  }
  void look();
}

function answer(reply: string, { id, method, params }: { id: number; method: string; params: unknown }): void {
  tell({ id, reply });
  if (reply.startsWith('{"error"')) return;
  if (method === 'configure') {
    const { nodes } = params as { nodes?: string[] };
    // The first is the page's own.
    if (nodes) drive?.compareWith(nodes.slice(1));
  }
  if (method === 'open') opened = true;
  if (ASKING.includes(method)) void look();
}

/** Brings the wallet up to date, now and every now and then. */
async function look(): Promise<void> {
  if (!opened || !drive) return;
  if (running) {
    again = true;
    return;
  }
  running = true;
  clearTimeout(timer);
  let wait = LOOK_EVERY;
  try {
    do {
      again = false;
      if ((await drive.run()).unreachable) wait = AFTER_A_FAILURE;
    } while (again);
  } catch (error) {
    // What the wallet refuses has a code; what has none is a trap.
    if (!(error instanceof Error && 'code' in error)) {
      crash(error);
      return;
    }
    wait = AFTER_A_FAILURE;
  } finally {
    running = false;
  }
  timer = setTimeout(() => void look(), wait);
}

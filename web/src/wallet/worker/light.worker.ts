/**
 * The worker that talks to the node: it fetches what the light client asks for, hands in what came, and says when
 * something changed. It sees public keys only.
 */
import { initSync, LightService } from 'chaincore-wallet-bindings';
import { Socket } from '../../node/socket';
import type { FromWorker, ToWorker } from './messages';
import type { Fetch, Poll } from './protocol';

/** So many requests at a time. */
const AT_A_TIME = 6;
/** In milliseconds. */
const PATIENCE = 30_000;
const LOOK_EVERY = 20_000;
const AFTER_A_FAILURE = 3000;
/** No answer of an honest node is longer: a block, or a file of filters. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

let service: LightService | null = null;
let socket: Socket | null = null;
/** The other nodes that answers are compared with, from 1 on; 0 is the node that served the page. */
let others: readonly string[] = [];
let opened = false;
let running = 0;
let failed = false;
/** Stopped by hand: what is on its way still arrives. */
let paused = false;
let timer: ReturnType<typeof setTimeout> | undefined;
const queue: Fetch[] = [];

const tell = (message: FromWorker): void => globalThis.postMessage(message);

globalThis.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const said = event.data;
  guarded(() => {
    if ('begin' in said) {
      initSync({ module: said.begin });
      service = new LightService();
      tell({ ready: true });
    } else if ('wake' in said) {
      look();
    } else if ('pause' in said) {
      paused = said.pause;
      if (!paused) look();
    } else if (service) {
      const { id, method, params } = said;
      const reply = service.call(JSON.stringify({ method, params }));
      tell({ id, reply });
      if (reply.startsWith('{"error"')) return;
      if (method === 'configure') others = (params as { nodes?: string[] }).nodes ?? others;
      if (method === 'open') begin();
      // What these ask for is asked for at once.
      if (['configure', 'add_account', 'watch', 'broadcast', 'receive'].includes(method)) look();
    }
  });
});

/** Runs what calls the module; a trap ends the worker. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    service = null;
    tell({ crash: error instanceof Error ? error.message : String(error) });
    globalThis.close();
  }
}

function begin(): void {
  opened = true;
  if (!socket) {
    socket = new Socket((news) => {
      if (news.method === 'tip') look();
    });
    socket.subscribe('subscribe_tip');
  }
  look();
}

/** Asks the light client what it needs, unless answers that it waits for are still on their way. */
function look(): void {
  if (!opened || paused || running > 0 || queue.length > 0) return;
  guarded(poll);
}

function poll(): void {
  if (!service) return;
  clearTimeout(timer);
  const now = Math.floor(Date.now() / 1000);
  const reply = JSON.parse(service.call(JSON.stringify({ method: 'poll', params: { now } }))) as { result?: Poll };
  const result = reply.result;
  if (!result) return;
  const { fetch, ...rest } = result;
  tell({ news: rest });
  queue.push(...fetch);
  // Without anything to ask for, or with a node that does not answer, it looks again later.
  if (queue.length === 0) timer = setTimeout(look, LOOK_EVERY);
  else if (failed) timer = setTimeout(work, AFTER_A_FAILURE);
  else work();
}

function work(): void {
  failed = false;
  while (running < AT_A_TIME) {
    const next = queue.shift();
    if (!next) break;
    running += 1;
    void ask(next).then(([status, bytes]) => {
      running -= 1;
      if (status === 0) failed = true;
      guarded(() => service?.give(next.id, status, bytes));
      if (queue.length > 0) work();
      else if (running === 0 && service && !paused) guarded(poll);
    });
  }
}

/** The status and the body; status 0 and a reason if there is no answer. */
async function ask(wanted: Fetch): Promise<[number, Uint8Array]> {
  const base = wanted.node === 0 ? globalThis.location.origin : others[wanted.node - 1];
  try {
    if (base === undefined) throw new Error('there is no such node');
    const response = await fetch(base.replace(/\/$/, '') + wanted.path, {
      method: wanted.method,
      signal: AbortSignal.timeout(PATIENCE),
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      ...(wanted.method === 'POST' ? { body: unhex(wanted.body) } : {}),
    });
    return [response.status, await limited(response)];
  } catch (error) {
    return [0, new TextEncoder().encode(error instanceof Error ? error.message : String(error))];
  }
}

async function limited(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (!read || read.done) break;
    length += read.value.length;
    if (length > LONGEST_ANSWER) throw new Error('the answer is too long');
    parts.push(read.value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function unhex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

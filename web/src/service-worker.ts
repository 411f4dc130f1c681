/**
 * The service worker: lets the app open while its node does not answer. It exists only where the browser's context is
 * secure, and does no more than that:
 *
 * - it keeps the app's own files, as they were built together, and nothing else: never a word of the node's API;
 * - the page itself, and the workers, whose policies come with them, are always asked of the node first, so that what is
 *   shown is never older than the node; what it keeps is used only when there is no answer;
 * - an app with other files has another worker, which removes what the one before it kept.
 */

/** The paths of all files, `/` first, and a name for all of them as they are. */
declare const __FILES__: readonly string[];
declare const __EDITION__: string;

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Scope {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
}

const scope = globalThis as unknown as Scope;
const OURS = 'chaincore-app/';
const KEPT = OURS + __EDITION__;
/** A node that does not answer for so long is not there, in milliseconds. */
const PATIENCE = 8000;

globalThis.addEventListener('install', (event) => {
  const keep = async (): Promise<void> => {
    const cache = await caches.open(KEPT);
    await cache.addAll(__FILES__.map((path) => new Request(path, { cache: 'no-cache' })));
    await scope.skipWaiting();
  };
  (event as Extendable).waitUntil(keep());
});

globalThis.addEventListener('activate', (event) => {
  const clean = async (): Promise<void> => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== KEPT).map((name) => caches.delete(name)));
    await scope.clients.claim();
  };
  (event as Extendable).waitUntil(clean());
});

/** What is kept of a path, as it was built with the rest. */
async function kept(path: string): Promise<Response | undefined> {
  return (await caches.open(KEPT)).match(path);
}

/** The node's answer; what is kept if there is none. */
async function nodeFirst(request: Request, path: string): Promise<Response> {
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE));
  const answer = fetch(request);
  const first = await Promise.race([answer.catch(() => undefined), late]);
  return first ?? (await kept(path)) ?? answer;
}

async function keptFirst(request: Request, path: string): Promise<Response> {
  return (await kept(path)) ?? fetch(request);
}

globalThis.addEventListener('fetch', (event) => {
  const { request, respondWith } = event as Fetching;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== globalThis.location.origin || !__FILES__.includes(pathname)) return;
  // A question about the page, which is not to be shown, is for the node.
  if (pathname === '/' && request.mode !== 'navigate') return;
  const named = pathname.startsWith('/app/assets/') && !pathname.includes('-worker-');
  respondWith.call(event, named ? keptFirst(request, pathname) : nodeFirst(request, pathname));
});

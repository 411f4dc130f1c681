/**
 * Which edition of the app this page is: one that can be opened without its node, and one that is not older than it.
 *
 * After an upgrade of the node, a page that was open before still runs the app of then. When the node is back, or somebody
 * is, the node is asked for its page; if that is another one, it is said, and one touch loads it.
 */
import { signal } from '@preact/signals';
import { scriptUrl } from './trusted';
import { SERVICE } from './wallet/worker/assets';

/** Whether the node serves another edition than this one. */
export const outdated = signal(false);

const own = new URL(import.meta.url).pathname;

/** Asks the node which edition it serves. */
export async function compare(): Promise<void> {
  try {
    const response = await fetch('/', { cache: 'no-cache', credentials: 'same-origin', redirect: 'error' });
    const page = await response.text();
    // A node without an app has nothing to offer in its place.
    if (response.ok && page.includes('id="app"')) outdated.value = !page.includes(`"${own}"`);
  } catch {
    // It is asked again when it is back.
  }
}

/** Begins to look after it whenever somebody comes back to the page. */
export function followEdition(): void {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void compare();
  });
}

/** Has the browser keep the app for when there is no node. Only where the context is secure. */
export function keepForOffline(): void {
  if (!globalThis.isSecureContext || !('serviceWorker' in navigator)) return;
  // A browser that is told to keep nothing refuses; the app works without.
  navigator.serviceWorker.register(scriptUrl(SERVICE), { scope: '/', updateViaCache: 'none' }).catch(() => undefined);
}

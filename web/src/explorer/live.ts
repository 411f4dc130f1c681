/** What pages load again for: a new tip, and a node that is back. */
import { effect, signal } from '@preact/signals';
import { link, tip } from '../node/tip';

/**
 * While a node catches up, blocks come faster than pages can be loaded, and each would end the loading for the one
 * before it: pages follow the tip at this pace.
 */
const PACE_MS = 2500;

/** Counts how often the node came back after it was away. */
const returns = signal(0);
/** The tip that pages are loaded for. */
const followed = signal('');

let away = false;
effect(() => {
  const state = link.value;
  if (state === 'lost') away = true;
  if (state === 'live' && away) {
    away = false;
    returns.value = returns.peek() + 1;
  }
});

let next = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const hash = tip.value?.hash ?? '';
  clearTimeout(timer);
  const follow = (): void => {
    next = Date.now() + PACE_MS;
    followed.value = hash;
  };
  const wait = next - Date.now();
  if (wait > 0) timer = setTimeout(follow, wait);
  else follow();
});

/** Changes with everything that a page on the chain should be loaded again for. */
export function chainKey(): string {
  return `${followed.value}/${returns.value}`;
}

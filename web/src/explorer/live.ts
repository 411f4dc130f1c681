/** What pages load again for: a new tip, a node that is back, a mempool that has changed. */
import { effect, signal } from '@preact/signals';
import { link, tip } from '../node/tip';

/** Counts how often the node came back after it was away. */
export const returns = signal(0);

let away = false;
effect(() => {
  const state = link.value;
  if (state === 'lost') away = true;
  if (state === 'live' && away) {
    away = false;
    returns.value = returns.peek() + 1;
  }
});

/** Changes with everything that a page on the chain should be loaded again for. */
export function chainKey(): string {
  return `${tip.value?.hash ?? ''}/${returns.value}`;
}

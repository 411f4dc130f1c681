/** What the tabs of this app tell each other. */

export type Said =
  /** A wallet was locked: all tabs lock it. */
  | { locked: string }
  | { opened: string }
  /** Somebody is at the keyboard. */
  | { active: number };

const channel = new BroadcastChannel('chaincore-wallet');
const listeners = new Set<(said: Said) => void>();

channel.addEventListener('message', (event: MessageEvent<Said>) => {
  for (const listener of listeners) listener(event.data);
});

/** Tells the other tabs. */
export function announce(said: Said): void {
  channel.postMessage(said);
}

/** Calls `listener` with what other tabs tell. */
export function onOther(listener: (said: Said) => void): void {
  listeners.add(listener);
}

/** What a page shows while it asks the node, and after. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { NodeError } from './client';

export type Loaded<T> =
  | { state: 'loading'; value: T | undefined }
  | { state: 'ready'; value: T }
  | { state: 'failed'; error: Error; missing: boolean; value: T | undefined };

/**
 * Asks again whenever one of `keys` changes, and forgets the answers to what was asked before. The last value stays
 * while the next one is on its way (`fresh: true` drops it).
 */
export function useLoad<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
  options: { fresh?: boolean } = {},
): Loaded<T> & { again: () => void } {
  const [shown, show] = useState<Loaded<T>>({ state: 'loading', value: undefined });
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const stop = new AbortController();
    show((before) => ({ state: 'loading', value: options.fresh ? undefined : before.value }));
    latest.current(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) show({ state: 'ready', value });
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const reason = error instanceof Error ? error : new Error(String(error));
        const missing = reason instanceof NodeError && reason.missing;
        show((before) => ({ state: 'failed', error: reason, missing, value: before.value }));
      },
    );
    return () => stop.abort();
  }, [...keys, round]);
  return { ...shown, again: () => setRound((n) => n + 1) };
}

/** Hooks of the wallet's pages: asking the light worker, and doing something once at a time. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../../text';
import { current, revision } from '../session';
import type { LightMethods } from '../worker/protocol';
import { WalletError } from '../worker/remote';

export interface Asked<T> {
  value: T | undefined;
  error: Error | null;
}

/** What a method of the light worker answers, asked again whenever something changed. The last answer stays meanwhile. */
export function useLight<K extends keyof LightMethods & string>(
  method: K,
  params: LightMethods[K]['params'],
  keys: readonly unknown[] = [],
): Asked<LightMethods[K]['result']> {
  const [asked, show] = useState<Asked<LightMethods[K]['result']>>({ value: undefined, error: null });
  const now = revision.value;
  useEffect(() => {
    let left = false;
    Promise.resolve()
      .then(() => current().light.call(method, params))
      .then(
        (value) => {
          if (!left) show({ value, error: null });
        },
        (error: unknown) => {
          if (!left) show((before) => ({ value: before.value, error: asError(error) }));
        },
      );
    return () => {
      left = true;
    };
  }, [method, now, ...keys]);
  return asked;
}

export interface Doing {
  busy: boolean;
  error: Error | null;
  /** Does it unless something is being done already. */
  run: (work: () => Promise<void>) => void;
  clear: () => void;
}

/** Doing something that takes a while and may fail. */
export function useDoing(): Doing {
  const [state, set] = useState<{ busy: boolean; error: Error | null }>({ busy: false, error: null });
  const busy = useRef(false);
  const here = useRef(true);
  useEffect(
    () => () => {
      here.current = false;
    },
    [],
  );
  const end = (error: Error | null): void => {
    busy.current = false;
    if (here.current) set({ busy: false, error });
  };
  return {
    ...state,
    run: (work) => {
      if (busy.current) return;
      busy.current = true;
      set({ busy: true, error: null });
      work().then(
        () => end(null),
        (error: unknown) => end(asError(error)),
      );
    },
    clear: () => set((before) => ({ ...before, error: null })),
  };
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What went wrong, for people: texts of ours where the code is known. */
export function said(error: Error): string {
  if (!(error instanceof WalletError)) return error.message;
  switch (error.code) {
    case 'wrong_password':
      return t('wallet.fault.password');
    case 'bad_vault':
      return t('wallet.fault.vault');
    case 'insufficient_funds':
    case 'too_little_money':
      return `${t('wallet.fault.funds')} ${error.message}`;
    default:
      return error.message === '' ? error.code : error.message.charAt(0).toUpperCase() + error.message.slice(1);
  }
}

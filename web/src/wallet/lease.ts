/**
 * One writer per wallet and browser. Where the page's context is secure, the browser's own locks see to that; a page
 * that came over plain http has none, and there a record in IndexedDB is held, renewed and looked at.
 */
import { dropLease, takeLease } from './store';

/** How long a lease that is not renewed lasts, in milliseconds: as long as a tab that was killed keeps others out. */
const LENGTH = 10_000;
const RENEW_EVERY = 3000;

export interface Lease {
  /** Gives it back. */
  release(): void;
}

/**
 * Takes the lease of a wallet; null if another tab has it. With `force` it is taken from the other tab, which is told.
 * `lost` is called when somebody else took it: whoever holds it must stop writing at once.
 */
export function acquire(wallet: string, lost: () => void, force = false): Promise<Lease | null> {
  const name = `wallet/${wallet}`;
  return globalThis.navigator.locks ? withLocks(name, lost, force) : withRecord(name, lost, force);
}

function withLocks(name: string, lost: () => void, force: boolean): Promise<Lease | null> {
  return new Promise((resolve, reject) => {
    const options: LockOptions = force ? { steal: true } : { ifAvailable: true };
    let released = false;
    let held = false;
    navigator.locks
      .request(name, options, (lock) => {
        if (!lock) {
          resolve(null);
          return undefined;
        }
        held = true;
        // The lock is held for as long as this promise is open.
        return new Promise<void>((release) => {
          resolve({
            release() {
              released = true;
              release();
            },
          });
        });
      })
      .catch((error: unknown) => {
        // A lock that is stolen is told so by an error.
        if (!held) reject(error instanceof Error ? error : new Error(String(error)));
        else if (!released) lost();
      });
  });
}

async function withRecord(name: string, lost: () => void, force: boolean): Promise<Lease | null> {
  const holder = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join('-');
  const channel = new BroadcastChannel(`chaincore-lease/${name}`);
  if (!(await takeLease(name, holder, Date.now(), LENGTH, force))) {
    channel.close();
    return null;
  }
  let ended = false;
  const end = (): void => {
    ended = true;
    clearInterval(timer);
    channel.close();
    globalThis.removeEventListener('pagehide', release);
  };
  const lose = (): void => {
    if (ended) return;
    end();
    lost();
  };
  const release = (): void => {
    if (ended) return;
    end();
    void dropLease(name, holder).catch(() => undefined);
  };
  const renew = (): void => {
    takeLease(name, holder, Date.now(), LENGTH, false).then(
      (still) => {
        if (!still) lose();
      },
      // What cannot be renewed is not held.
      lose,
    );
  };
  const timer = setInterval(renew, RENEW_EVERY);
  channel.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (event.data !== holder) lose();
  });
  channel.postMessage(holder);
  globalThis.addEventListener('pagehide', release);
  return { release };
}

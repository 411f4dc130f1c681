/**
 * What the browser keeps: IndexedDB, since it is there over plain http, too. Keys and public state come sealed; only
 * names and dates are readable.
 *
 * The sealed state of a wallet has two slots. A write goes to the older one, so that whatever happens to it, the one
 * before it can still be read.
 */
import type { ChainChoice, Vault } from './worker/protocol';

const NAME = 'chaincore-wallet';
/** Raise it together with a step in `upgrade`. */
const VERSION = 1;

/** A wallet as the list of wallets knows it. */
export interface StoredWallet {
  id: string;
  name: string;
  kind: 'keys' | 'watch';
  chain: ChainChoice;
  /** The chain's first block: a wallet belongs to one chain. */
  genesis: string;
  /** The encrypted keys; a watch-only wallet has none. */
  vault?: Vault;
  /** Seconds since 1970. */
  created: number;
  /** When the words were checked after they were written down; absent before. */
  backed_up?: number;
  /** What the pages want to remember of it. */
  settings: Record<string, unknown>;
}

interface Slot {
  /** `<wallet>/0` and `<wallet>/1`. */
  key: string;
  wallet: string;
  /** Rises with every write. */
  sequence: number;
  state: string;
}

let opening: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = (event) => upgrade(request.result, event.oldVersion);
    request.onsuccess = () => {
      const opened = request.result;
      // Another tab has a newer app: make way, and open anew when asked.
      opened.onversionchange = () => {
        opened.close();
        opening = null;
      };
      opened.onclose = () => {
        opening = null;
      };
      resolve(opened);
    };
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing here'));
    request.onblocked = () => reject(new Error('another tab holds an older version of the data open'));
  }).catch((error: unknown) => {
    opening = null;
    throw error;
  });
  return opening;
}

function upgrade(opened: IDBDatabase, from: number): void {
  if (from < 1) {
    opened.createObjectStore('wallets', { keyPath: 'id' });
    opened.createObjectStore('states', { keyPath: 'key' });
    opened.createObjectStore('settings');
    opened.createObjectStore('leases');
  }
}

type StoreName = 'wallets' | 'states' | 'settings' | 'leases';

/** One transaction: resolves to what `work` gave once it is committed. */
async function transact<T>(
  stores: StoreName[],
  mode: IDBTransactionMode,
  work: (transaction: IDBTransaction) => Promise<T>,
): Promise<T> {
  const transaction = (await database()).transaction(stores, mode, { durability: 'strict' });
  const committed = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the browser could not store it'));
  });
  // Whichever fails first is reported.
  committed.catch(() => undefined);
  try {
    const result = await work(transaction);
    await committed;
    return result;
  } catch (error) {
    try {
      transaction.abort();
    } catch {
      // It was aborted already.
    }
    throw error;
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser could not read it'));
  });
}

/** All wallets, the oldest first. */
export async function wallets(): Promise<StoredWallet[]> {
  const all = await transact(['wallets'], 'readonly', (transaction) =>
    answer<StoredWallet[]>(transaction.objectStore('wallets').getAll()),
  );
  return all.sort((a, b) => a.created - b.created);
}

/** A wallet. */
export function wallet(id: string): Promise<StoredWallet | undefined> {
  return transact(['wallets'], 'readonly', (transaction) =>
    answer<StoredWallet | undefined>(transaction.objectStore('wallets').get(id)),
  );
}

/** Adds a wallet, or writes it anew. */
export async function putWallet(stored: StoredWallet): Promise<void> {
  await transact(['wallets'], 'readwrite', (transaction) => answer(transaction.objectStore('wallets').put(stored)));
}

/** Changes a wallet in one transaction; an error if it is gone. */
export async function changeWallet(id: string, change: (stored: StoredWallet) => StoredWallet): Promise<StoredWallet> {
  return transact(['wallets'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('wallets');
    const before = await answer<StoredWallet | undefined>(store.get(id));
    if (!before) throw new Error('this wallet is no longer kept here');
    const after = change(before);
    await answer(store.put(after));
    return after;
  });
}

/** Removes a wallet and its state. */
export async function removeWallet(id: string): Promise<void> {
  await transact(['wallets', 'states'], 'readwrite', async (transaction) => {
    await answer(transaction.objectStore('wallets').delete(id));
    for (const slot of [0, 1]) await answer(transaction.objectStore('states').delete(`${id}/${slot}`));
  });
}

async function slots(transaction: IDBTransaction, id: string): Promise<(Slot | undefined)[]> {
  const store = transaction.objectStore('states');
  return Promise.all([0, 1].map((slot) => answer<Slot | undefined>(store.get(`${id}/${slot}`))));
}

/** Writes a wallet's sealed state over the older of its two. */
export async function putState(id: string, state: string): Promise<void> {
  await transact(['states'], 'readwrite', async (transaction) => {
    const [first, second] = await slots(transaction, id);
    const older = (first?.sequence ?? 0) <= (second?.sequence ?? 0) ? 0 : 1;
    const sequence = Math.max(first?.sequence ?? 0, second?.sequence ?? 0) + 1;
    const slot: Slot = { key: `${id}/${older}`, wallet: id, sequence, state };
    await answer(transaction.objectStore('states').put(slot));
  });
}

/** A wallet's sealed states, the newest first: who cannot open one tries the next. */
export async function states(id: string): Promise<string[]> {
  const found = await transact(['states'], 'readonly', (transaction) => slots(transaction, id));
  return found
    .filter((slot) => slot !== undefined)
    .sort((a, b) => b.sequence - a.sequence)
    .map((slot) => slot.state);
}

/** A setting of the app as a whole. */
export function setting<T>(name: string): Promise<T | undefined> {
  return transact(['settings'], 'readonly', (transaction) =>
    answer<T | undefined>(transaction.objectStore('settings').get(name)),
  );
}

export async function putSetting(name: string, value: unknown): Promise<void> {
  await transact(['settings'], 'readwrite', (transaction) =>
    answer(transaction.objectStore('settings').put(value, name)),
  );
}

/** Who may write a wallet, where the browser has no locks. */
export interface LeaseRecord {
  holder: string;
  /** Milliseconds since 1970. */
  until: number;
}

/** Takes or extends the lease of `name` for `holder`, unless somebody else has it. Whether it is theirs now. */
export function takeLease(name: string, holder: string, now: number, length: number, force: boolean): Promise<boolean> {
  return transact(['leases'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('leases');
    const held = await answer<LeaseRecord | undefined>(store.get(name));
    // A clock that was set back leaves a lease that would never end.
    const valid = held !== undefined && held.until > now && held.until <= now + length;
    if (valid && held.holder !== holder && !force) return false;
    await answer(store.put({ holder, until: now + length } satisfies LeaseRecord, name));
    return true;
  });
}

/** Gives the lease of `name` back if `holder` has it. */
export async function dropLease(name: string, holder: string): Promise<void> {
  await transact(['leases'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('leases');
    const held = await answer<LeaseRecord | undefined>(store.get(name));
    if (held?.holder === holder) await answer(store.delete(name));
  });
}

/** Asks the browser not to throw the data away when space runs out; null where it cannot be asked. */
export async function keepForGood(): Promise<boolean | null> {
  if (!globalThis.isSecureContext || !globalThis.navigator.storage?.persist) return null;
  return globalThis.navigator.storage.persist();
}

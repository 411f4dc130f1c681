/**
 * The wallet that is open in this tab: its two workers, the right to write it, and what the light worker said last.
 *
 * One wallet is open at a time. A tab without the lease (another tab has it) only looks on: it never holds keys and
 * writes nothing. What is locked in one tab is locked in all.
 */
import { computed, signal } from '@preact/signals';
import { compare } from '../edition';
import { NodeError } from '../node/client';
import { lightChain, type LightChain } from '../node/status';
import { t } from '../text';
import { toast } from '../ui';
import { announce, onOther } from './channel';
import { acquire, type Lease } from './lease';
import { changeWallet, keepForGood, putSetting, putState, putWallet, type StoredWallet, states } from './store';
import type {
  AccountKeys,
  ChainChoice,
  FaultReport,
  LightMethods,
  News,
  Progress,
  SignerMethods,
  Summary,
  Unlocked,
  Vault,
} from './worker/protocol';
import { Remote, WalletError } from './worker/remote';

export type Signer = Remote<SignerMethods>;
export type Light = Remote<LightMethods>;

export interface Session {
  stored: StoredWallet;
  light: Light;
  /** Absent in watch-only wallets, and in tabs that only look on. */
  signer: Signer | null;
  /** Absent in tabs that only look on. */
  lease: Lease | null;
}

/** What the pages of a wallet remember of it. */
export interface Settings {
  mode: 'verified' | 'filters';
  gap: number;
  /** Other nodes that answers are compared with. */
  nodes: string[];
  /** Minutes without a touch after which it is locked. */
  lock_minutes: number;
  /** Seconds since 1970; 0 if nobody knows. */
  birthday: number;
}

/** The setting that names the wallet that was opened last. */
export const LAST_WALLET = 'last_wallet';

const DEFAULTS: Settings = { mode: 'verified', gap: 20, nodes: [], lock_minutes: 5, birthday: 0 };

/** The open wallet. */
export const session = signal<Session | null>(null);
/** Its sums and states, as the light worker told them last. */
export const summary = signal<Summary | null>(null);
export const progress = signal<Progress | null>(null);
export const faults = signal<readonly FaultReport[]>([]);
/** Rises whenever something may look different: what is shown is asked for again. */
export const revision = signal(0);
/** Why the wallet was closed, if nobody asked for it. */
export const notice = signal<string | null>(null);
/** Whether looking for news was stopped by hand. */
export const paused = signal(false);

/** Whether this tab may change the wallet. */
export const writes = computed(() => session.value?.lease != null);
/** Whether this wallet has keys, here or elsewhere. */
export const watches = computed(() => session.value?.stored.kind === 'watch');

/** The settings of a wallet, with what is usual where nothing is set. */
export function settingsOf(stored: StoredWallet): Settings {
  return { ...DEFAULTS, ...(stored.settings as Partial<Settings>) };
}

/** The open wallet; an error if there is none. */
export function current(): Session {
  const open = session.peek();
  if (!open) throw new WalletError('locked', t('wallet.error.locked'));
  return open;
}

/** The signer of the open wallet. */
export function signer(): Signer {
  const found = current().signer;
  if (!found) throw new WalletError('locked', t('wallet.error.nokeys'));
  return found;
}

let chain: Promise<LightChain> | null = null;

/** The node's chain. */
export function nodeChain(): Promise<LightChain> {
  chain ??= lightChain().catch((error: unknown) => {
    chain = null;
    throw error;
  });
  return chain;
}

/** How the services are told of a chain. */
export const choice = (of: LightChain): ChainChoice => (of.file === null ? { name: of.name } : { file: of.file });

/** A signer that holds nothing yet. */
export function newSigner(): Signer {
  return new Remote<SignerMethods>('signer', { crashed: fell });
}

function newLight(): Light {
  return new Remote<LightMethods>('light', {
    crashed: fell,
    news: (said) => heard(said as News),
  });
}

/** A worker died: the other one is of no use without it. */
function fell(error: Error): void {
  notice.value = error.message;
  // A worker that is not there any more is one of an edition that is not, either.
  void compare();
  void lock({ others: false });
}

function heard(news: News): void {
  progress.value = news.progress;
  // What is over is told no more, but a lie stays a lie.
  faults.value = news.faults.filter(({ passed, severity }) => !passed || severity === 'lie');
  if (news.changed) {
    changed();
    saveSoon();
  } else {
    void refresh();
  }
}

/** Has everything that is shown be asked for again. */
export function changed(): void {
  revision.value += 1;
  void refresh();
}

let refreshing = false;

async function refresh(): Promise<void> {
  const open = session.peek();
  if (!open || refreshing) return;
  refreshing = true;
  try {
    const said = await open.light.call('summary', {});
    if (session.peek() === open) summary.value = said;
  } catch {
    // Locked meanwhile.
  } finally {
    refreshing = false;
  }
}

let saving: ReturnType<typeof setTimeout> | undefined;
const SAVE_AFTER = 1500;

function saveSoon(): void {
  if (!writes.peek()) return;
  saving ??= setTimeout(() => {
    saving = undefined;
    void persist().catch((error: unknown) => toast(t('wallet.save.failed', { why: String(error) })));
  }, SAVE_AFTER);
}

/** Writes the public state down now. */
export async function persist(): Promise<void> {
  const open = session.peek();
  if (open?.lease) await save(open);
}

async function save(open: Session): Promise<void> {
  const { state } = await open.light.call('save', {});
  await putState(open.stored.id, state);
}

/** What the light worker is told of the settings; the birthday only once, since looking through a chain takes long. */
export function configuration(settings: Settings, first: boolean): LightMethods['configure']['params'] {
  const { mode, gap, nodes, birthday } = settings;
  return { mode, gap, nodes: [globalThis.location.origin, ...nodes], ...(first ? { birthday } : {}) };
}

/** Opens the light worker's side of a wallet: its newest state that can be read, or a new one with these accounts. */
async function openLight(stored: StoredWallet, stateKey: string | undefined, accounts: AccountKeys[]): Promise<Light> {
  const light = newLight();
  try {
    const common = { chain: stored.chain, wallet_id: stored.id, ...(stateKey === undefined ? {} : { state_key: stateKey }) };
    let restored = false;
    for (const state of await states(stored.id)) {
      try {
        await light.call('open', { ...common, state });
        restored = true;
        break;
      } catch (error) {
        if (!(error instanceof WalletError) || error.code === 'crashed') throw error;
        // The write before this one may be whole.
      }
    }
    if (!restored) {
      await light.call('open', common);
      for (const account of accounts) await light.call('add_account', account);
    }
    await light.call('configure', configuration(settingsOf(stored), !restored));
    return light;
  } catch (error) {
    light.end();
    throw error;
  }
}

function begin(open: Session): void {
  const before = session.peek();
  if (before) close(before);
  notice.value = null;
  paused.value = false;
  session.value = open;
  changed();
  void putSetting(LAST_WALLET, open.stored.id).catch(() => undefined);
  announce({ opened: open.stored.id });
}

/** Takes the lease of a wallet for this tab; null if another has it. */
function lease(id: string, force: boolean): Promise<Lease | null> {
  return acquire(id, () => lostLease(id), force);
}

/** Another tab took the wallet over: this one looks on from now on, without keys. */
function lostLease(id: string): void {
  const open = session.peek();
  if (open?.stored.id !== id) return;
  open.signer?.end();
  session.value = { ...open, signer: null, lease: null };
}

/**
 * Checks that a wallet belongs to the node's chain. Where there is no node, the wallet's own word for it is enough: what
 * a node of another chain says later on is refused by its headers.
 */
async function sameChain(stored: StoredWallet): Promise<void> {
  const here = await nodeChain().catch((error: unknown) => {
    if (error instanceof NodeError && ['offline', 'timeout'].includes(error.kind)) return null;
    throw error;
  });
  if (!here) return;
  if (here.genesis !== stored.genesis) throw new WalletError('other_chain', t('wallet.error.chain', { name: here.name }));
}

/** Opens a wallet with its password. If another tab has it, this one only looks on, unless it takes over by `force`. */
export async function unlock(stored: StoredWallet, password: string, force = false): Promise<void> {
  if (!stored.vault) throw new WalletError('no_vault', t('wallet.error.nokeys'));
  await sameChain(stored);
  const keys = newSigner();
  try {
    const unlocked = await keys.call('unlock', { vault: stored.vault, password });
    await openKeys(stored, keys, unlocked, force);
  } catch (error) {
    keys.end();
    throw error;
  }
}

async function openKeys(stored: StoredWallet, keys: Signer, unlocked: Unlocked, force: boolean): Promise<void> {
  const mine = await lease(stored.id, force);
  try {
    const light = await openLight(stored, unlocked.state_key, unlocked.accounts);
    if (!mine) keys.end();
    begin({ stored, light, signer: mine ? keys : null, lease: mine });
    if (mine) await persist();
  } catch (error) {
    mine?.release();
    throw error;
  }
}

/** Opens a watch-only wallet, which has no password. */
export async function openWatch(stored: StoredWallet, force = false): Promise<void> {
  await sameChain(stored);
  const mine = await lease(stored.id, force);
  try {
    const light = await openLight(stored, stateKeyOf(stored), []);
    begin({ stored, light, signer: null, lease: mine });
  } catch (error) {
    mine?.release();
    throw error;
  }
}

/** A watch-only wallet has no password that could hide its state's key: it lies beside it. */
const stateKeyOf = (stored: StoredWallet): string | undefined =>
  typeof stored.settings['state_key'] === 'string' ? stored.settings['state_key'] : undefined;

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** The kinds of accounts that wallets had before segwit had addresses of its own. */
const OLDER = ['nested', 'legacy'] as const;

export interface NewKeys {
  mnemonic: string;
  passphrase: string;
  password: string;
  name: string;
  /** Seconds since 1970; 0 if nobody knows. */
  birthday: number;
  /** Whether the words are known to be written down. */
  backedUp: boolean;
  /** Whether the words may be of an older wallet: then its kinds of addresses have accounts from the beginning. */
  older?: boolean;
}

/** Makes a wallet of words, keeps it, and opens it. The signer is used up by it. */
export async function createKeys(keys: Signer, wanted: NewKeys): Promise<void> {
  const here = await nodeChain();
  const { mnemonic, passphrase, password, name, birthday } = wanted;
  const made = await keys.call('create', { chain: choice(here), mnemonic, passphrase, password, name, birthday });
  const accounts = [...made.accounts];
  for (const kind of wanted.older ? OLDER : []) accounts.push(await keys.call('account', { kind, index: 0 }));
  const stored: StoredWallet = {
    id: made.wallet_id,
    name,
    kind: 'keys',
    chain: choice(here),
    genesis: here.genesis,
    vault: made.vault,
    created: nowSeconds(),
    ...(wanted.backedUp ? { backed_up: nowSeconds() } : {}),
    settings: { birthday },
  };
  await putWallet(stored);
  void keepForGood();
  await openKeys(stored, keys, { ...made, accounts }, false);
}

/** Keeps a wallet whose encrypted file was opened with `password`, and opens it. */
export async function importVault(vault: Vault, password: string, known: readonly StoredWallet[]): Promise<void> {
  const here = await nodeChain();
  const keys = newSigner();
  try {
    const unlocked = await keys.call('unlock', { vault, password });
    if (known.some((stored) => stored.id === unlocked.wallet_id)) {
      throw new WalletError('known', t('wallet.import.known', { name: unlocked.name }));
    }
    const wanted = choice(here);
    if (JSON.stringify(unlocked.chain) !== JSON.stringify(wanted)) {
      throw new WalletError('other_chain', t('wallet.error.chain', { name: here.name }));
    }
    const stored: StoredWallet = {
      id: unlocked.wallet_id,
      name: unlocked.name,
      kind: 'keys',
      chain: wanted,
      genesis: here.genesis,
      vault,
      created: nowSeconds(),
      backed_up: nowSeconds(),
      settings: { birthday: unlocked.birthday },
    };
    await putWallet(stored);
    void keepForGood();
    await openKeys(stored, keys, unlocked, false);
  } catch (error) {
    keys.end();
    throw error;
  }
}

/** What a watch-only wallet is made of. */
export interface NewWatch {
  name: string;
  descriptor: string;
  birthday: number;
}

/** Makes a watch-only wallet and opens it. */
export async function createWatch(wanted: NewWatch): Promise<void> {
  const here = await nodeChain();
  const stored: StoredWallet = {
    id: randomHex(16),
    name: wanted.name,
    kind: 'watch',
    chain: choice(here),
    genesis: here.genesis,
    created: nowSeconds(),
    settings: { birthday: wanted.birthday, state_key: randomHex(32) },
  };
  const mine = await lease(stored.id, false);
  const light = await openLight(stored, stateKeyOf(stored), []).catch((error: unknown) => {
    mine?.release();
    throw error;
  });
  try {
    await light.call('watch', { name: wanted.name, descriptor: wanted.descriptor });
    await putWallet(stored);
    void keepForGood();
    begin({ stored, light, signer: null, lease: mine });
    await persist();
  } catch (error) {
    light.end();
    mine?.release();
    throw error;
  }
}

/** Changes what is kept of the open wallet beside its state. */
export async function change(how: (stored: StoredWallet) => StoredWallet): Promise<void> {
  const open = current();
  const stored = await changeWallet(open.stored.id, how);
  const still = session.peek();
  if (still?.stored.id === stored.id) session.value = { ...still, stored };
}

/** Stops or goes on looking for news. */
export function pause(stop: boolean): void {
  paused.value = stop;
  session.peek()?.light.call('pause', { paused: stop }).catch(() => undefined);
}

/** Locks the wallet: the signer's memory goes at once. */
export async function lock(options: { others?: boolean } = {}): Promise<void> {
  const open = session.peek();
  if (!open) return;
  open.signer?.end();
  session.value = null;
  summary.value = null;
  progress.value = null;
  faults.value = [];
  if (options.others !== false) announce({ locked: open.stored.id });
  if (open.lease) {
    // What is not written down yet would only have to be asked for again: it must not keep the wallet open.
    const limit = new Promise((resolve) => setTimeout(resolve, 1000));
    await Promise.race([save(open).catch(() => undefined), limit]);
  }
  close(open);
}

function close(open: Session): void {
  clearTimeout(saving);
  saving = undefined;
  open.signer?.end();
  open.light.end();
  open.lease?.release();
}

onOther((said) => {
  if ('locked' in said && said.locked === session.peek()?.stored.id) void lock({ others: false });
});

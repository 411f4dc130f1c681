/**
 * The methods of the two services in the WebAssembly module. Amounts are satoshis, times seconds since 1970, ids and
 * hashes hex as people write them.
 */

export type AccountKind = 'legacy' | 'nested' | 'segwit' | 'taproot';

export interface AccountKeys {
  kind: AccountKind;
  index: number;
  /** Descriptors with their checksums. */
  receive: string;
  change: string;
  xpub: string;
  fingerprint: string;
}

/** The encrypted keys, as they are kept and exported. */
export type Vault = Record<string, unknown>;

/** Which chain: a name, or the file of a chain of somebody's own as the node writes it. */
export type ChainChoice = { name: string } | { file: string };

export interface Warning {
  code: string;
  message: string;
}

/** What a PSBT does, read from the PSBT itself by the signer. */
export interface Review {
  txid: string;
  /** Whether the id stays when the transaction is signed. */
  txid_final: boolean;
  inputs: {
    outpoint: string;
    value: number;
    address?: string | null;
    mine: boolean;
    shared: boolean;
    path?: string | null;
    signed: boolean;
  }[];
  outputs: {
    address?: string | null;
    script?: string | null;
    value: number;
    kind: 'payment' | 'change' | 'data';
    mine: boolean;
    path?: string | null;
  }[];
  fee: number;
  vsize: number;
  /** sat/vB, to be shown only. */
  feerate: number;
  /** What leaves the wallet; negative if more comes in. */
  net: number;
  lock_time: number;
  replaceable: boolean;
  warnings: Warning[];
  complete: boolean;
}

type Method<Params extends object, Result> = { params: Params; result: Result };
type None = Record<string, never>;

export interface Unlocked {
  wallet_id: string;
  /** Opens the public state; the light worker gets it. */
  state_key: string;
  name: string;
  accounts: AccountKeys[];
  chain: ChainChoice;
  /** Seconds since 1970; 0 if nobody knows. */
  birthday: number;
  fingerprint: string;
}

export type SignerMethods = {
  generate: Method<{ words: 12 | 24 }, { mnemonic: string }>;
  check: Method<{ mnemonic: string }, { valid: boolean; error?: string; unknown?: string[] }>;
  suggest: Method<{ prefix: string }, { words: string[] }>;
  create: Method<
    {
      chain: ChainChoice;
      mnemonic: string;
      passphrase: string;
      password: string;
      name: string;
      birthday: number;
    },
    Unlocked & { vault: Vault }
  >;
  unlock: Method<{ vault: Vault; password: string }, Unlocked>;
  address_at: Method<{ path: string }, { address: string; path: string }>;
  account: Method<{ kind: AccountKind; index: number }, AccountKeys>;
  review: Method<{ psbt: string }, Review>;
  sign: Method<{ psbt: string }, { psbt: string; tx?: string; txid: string; review: Review }>;
  sign_message: Method<
    { address?: string; path?: string; message: string; format: 'bip322' | 'legacy' },
    { address: string; signature: string }
  >;
  show_words: Method<{ password: string }, { mnemonic: string; passphrase: string }>;
  change_password: Method<{ old: string; new: string }, { vault: Vault }>;
};

export interface Balance {
  confirmed: number;
  unconfirmed: number;
  immature: number;
  frozen: number;
  total: number;
  /** What can be spent now. */
  spendable: number;
  /** What only the server says. */
  unproven: number;
}

/** `reported` is what the server says without a proof; `replaced` and `dropped` do not count any more. */
export type TxState = 'proven' | 'reported' | 'mempool' | 'replaced' | 'dropped';

/** Body in hex. */
export interface Fetch {
  id: number;
  node: number;
  method: 'GET' | 'POST';
  path: string;
  body: string;
}

export interface Part {
  at: number;
  of: number;
}

export interface Progress {
  /** Whether everything is known that the nodes know, as far as it can be proven. */
  synced: boolean;
  headers: Part;
  filters: Part;
  scripts: Part;
  unproven: number;
  in_flight: number;
  tip_time: number;
  tip_hash: string;
  enough_work: boolean;
  nodes: { height: number | null; reachable: boolean; lied: boolean }[];
}

export interface FaultReport {
  /** 0 is the main node, then those that it is compared with. */
  node: number;
  /** What it is, as a word for programs. */
  kind: string;
  severity: 'lie' | 'doubt' | 'trouble';
  message: string;
  height?: number;
  txid?: string;
  first: number;
  last: number;
  count: number;
  /** Whether it is over; what was a lie stays on the list all the same. */
  passed: boolean;
}

/** What the light client tells after each look at the node, without the requests. */
export interface News {
  progress: Progress;
  faults: FaultReport[];
  changed: boolean;
}

export interface Poll extends News {
  fetch: Fetch[];
}

export interface LightAccount {
  id: string;
  name: string;
  kind: AccountKind | null;
  /** Whether its keys are the wallet's own. */
  held: boolean;
  balance: Balance;
  /** How many addresses were given out. */
  used: number;
}

export interface Summary {
  chain: string;
  balance: Balance;
  tip: { height: number; hash: string } | null;
  accounts: LightAccount[];
  progress: Progress;
  faults: FaultReport[];
  /** What became of transactions that were to be sent. Neither accepted nor with an error: no node said whether it took
   * it, and it may be on its way. */
  sent: { txid: string; accepted: boolean; error?: string }[];
  mode: 'verified' | 'filters';
  nodes: string[];
  gap: number;
  birthday: number;
  unsaved: boolean;
}

export interface HistoryEntry {
  txid: string;
  time: number | null;
  height: number | null;
  state: TxState;
  confirmations: number;
  net: number;
  received: number;
  sent: number;
  fee: number | null;
  /** sat/vB. */
  feerate: number | null;
  vsize: number;
  coinbase: boolean;
  /** Whether all inputs are the wallet's. */
  own: boolean;
  label: string | null;
  can_speed_up: boolean;
  can_cancel: boolean;
  replaced_by: string | null;
  inputs: { outpoint: string; value: number | null; address: string | null; mine: boolean }[];
  outputs: {
    vout: number;
    value: number;
    script: string | null;
    address: string | null;
    mine: boolean;
    change: boolean;
    account: string | null;
    spent_by: string | null;
  }[];
}

export interface OwnCoin {
  outpoint: string;
  value: number;
  address: string | null;
  account: string;
  change: boolean;
  path: string | null;
  height: number | null;
  state: TxState;
  confirmations: number;
  coinbase: boolean;
  immature: boolean;
  frozen: boolean;
  spendable: boolean;
  label: string | null;
}

export interface ReceiveAddress {
  account: string;
  address: string;
  script: string;
  path: string | null;
  index: number;
  uri: string;
  used: boolean;
  label: string | null;
}

export interface Draft {
  psbt: string;
  txid: string;
  fee: number;
  vsize: number;
  feerate: number;
  change: { vout: number; value: number } | null;
  inputs: string[];
}

/** What to pay: sat/vB, or in how many blocks it should be in one. */
type Rate = { feerate?: number | string; target?: number };

export interface Uri {
  address: string;
  amount: number | null;
  label: string | null;
  message: string | null;
}

export interface CheckedAddress {
  valid: boolean;
  error?: string;
  mine?: boolean;
  /** Whether the wallet has seen it. */
  known?: boolean;
  label?: string | null;
  warning?: { code: string; message: string; address?: string } | null;
  /** As it is written usually. */
  address?: string;
}

export type LightMethods = {
  open: Method<
    { chain: ChainChoice; wallet_id?: string; state_key?: string; state?: string },
    { accounts: LightAccount[]; new: boolean }
  >;
  add_account: Method<AccountKeys & { name?: string }, { id: string }>;
  watch: Method<{ name: string; descriptor: string; kind?: AccountKind }, { id: string }>;
  rename_account: Method<{ account: string; name: string }, None>;
  /** `nodes`: the main one first. */
  configure: Method<
    { mode?: 'verified' | 'filters'; gap?: number; birthday?: number; nodes?: string[] },
    { mode: 'verified' | 'filters'; gap: number; birthday: number; nodes: string[] }
  >;
  nudge: Method<None, None>;
  pause: Method<{ paused: boolean }, None>;
  rescan: Method<{ birthday?: number }, None>;
  summary: Method<None, Summary>;
  balance: Method<{ account?: string }, Balance>;
  history: Method<{ account?: string }, HistoryEntry[]>;
  transaction: Method<{ txid: string }, HistoryEntry & { tx: string }>;
  coins: Method<{ account?: string }, OwnCoin[]>;
  receive: Method<{ account?: string; next?: boolean }, ReceiveAddress>;
  create: Method<
    {
      to: { address: string; amount: number | 'all' }[];
      coins?: string[];
      account?: string;
      data?: string;
    } & Rate,
    Draft
  >;
  speed_up: Method<{ txid: string } & Rate, Draft & { method: 'rbf' | 'cpfp' }>;
  cancel: Method<{ txid: string } & Rate, Draft>;
  /** As the signer's, from what the wallet knows without keys. */
  review: Method<{ psbt: string }, Review>;
  combine: Method<{ psbts: string[] }, { psbt: string }>;
  finalise: Method<
    { psbt: string },
    { psbt: string; complete: boolean; tx?: string; txid?: string; unfinished: { input: number; reason: string }[] }
  >;
  broadcast: Method<{ tx: string }, { txid: string }>;
  rebroadcast: Method<{ txid: string }, { txid: string }>;
  forget: Method<{ txid: string }, { forgotten: boolean }>;
  label: Method<{ kind: 'tx' | 'addr' | 'output' | 'input' | 'pubkey' | 'xpub'; ref: string; label: string }, None>;
  labels_export: Method<None, { jsonl: string }>;
  labels_import: Method<{ jsonl: string }, { count: number }>;
  freeze: Method<{ outpoint: string; frozen: boolean }, None>;
  parse_uri: Method<{ text: string }, Uri>;
  make_uri: Method<{ address: string; amount?: number; label?: string; message?: string }, { uri: string }>;
  verify_message: Method<
    { address: string; message: string; signature: string },
    { valid: boolean; verdict: string; reason?: string }
  >;
  check_address: Method<{ address: string }, CheckedAddress>;
  descriptors: Method<
    None,
    { account: string; name: string; kind: AccountKind | null; held: boolean; receive: string; change: string | null }[]
  >;
  save: Method<None, { state: string }>;
  fees: Method<None, { targets: Record<string, number>; minimum: number; usual: number }>;
};

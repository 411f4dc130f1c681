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

export type TxState = 'proven' | 'reported' | 'mempool';

/** Body in hex. */
export interface Fetch {
  id: number;
  node: number;
  method: 'GET' | 'POST';
  path: string;
  body: string;
}

export interface Progress {
  done?: boolean;
  /** 0 to 1. */
  part?: number;
  what?: string;
  [what: string]: unknown;
}

export interface FaultReport {
  /** What it is, as a word for programs. */
  kind: string;
  message: string;
  severity: 'lie' | 'doubt' | 'trouble';
  /** 0 is the node that served the page. */
  node: number;
  [what: string]: unknown;
}

/** What the light worker tells after each look at the node, without the requests. */
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
  kind?: AccountKind;
  index?: number;
  receive: string;
  change?: string;
  held: boolean;
  balance?: Balance;
}

export interface Summary {
  balance: Balance;
  tip: { height: number; hash: string; time?: number } | null;
  accounts: LightAccount[];
  progress: Progress;
  trust: Record<string, unknown>;
  sent?: { txid: string; state: string; error?: string }[];
}

export interface HistoryEntry {
  txid: string;
  time: number;
  height?: number | null;
  state: TxState;
  standing: 'good' | 'replaced' | 'dropped';
  confirmations: number;
  coinbase: boolean;
  net: number;
  fee?: number | null;
  vsize: number;
  label?: string | null;
  can_speed_up: boolean;
  can_cancel: boolean;
  outputs: { address: string | null; value: number; mine: boolean; change?: boolean }[];
  [more: string]: unknown;
}

export interface OwnCoin {
  outpoint: string;
  value: number;
  address?: string | null;
  account: string;
  height?: number | null;
  state: TxState;
  confirmations: number;
  immature: boolean;
  frozen: boolean;
  label?: string | null;
  [more: string]: unknown;
}

export interface ReceiveAddress {
  address: string;
  script: string;
  path: string;
  uri: string;
  used: boolean;
}

export interface Draft {
  psbt: string;
  fee: number;
  vsize: number;
  change?: number;
  inputs: number | unknown[];
}

export type LightMethods = {
  open: Method<{ chain: ChainChoice; state_key?: string; state?: string }, { accounts: unknown[] }>;
  add_account: Method<AccountKeys, unknown>;
  watch: Method<{ name: string; descriptor?: string; xpub?: string }, unknown>;
  configure: Method<
    { mode?: 'verified' | 'filters'; gap?: number; birthday?: number; nodes?: string[] },
    unknown
  >;
  summary: Method<None, Summary>;
  history: Method<{ account?: string }, HistoryEntry[]>;
  coins: Method<None, OwnCoin[]>;
  receive: Method<{ account: string; next?: boolean }, ReceiveAddress>;
  create: Method<
    {
      to: { address: string; amount: number | 'all' }[];
      feerate?: number;
      target?: number;
      coins?: string[];
      account?: string;
      data?: string;
    },
    Draft
  >;
  speed_up: Method<{ txid: string; feerate: number }, Draft & { method: 'rbf' | 'cpfp' }>;
  cancel: Method<{ txid: string; feerate: number }, Draft>;
  /** As the signer's, without keys. */
  review: Method<{ psbt: string }, Review>;
  combine: Method<{ psbts: string[] }, { psbt: string }>;
  finalise: Method<{ psbt: string }, { psbt: string; complete: boolean; tx?: string }>;
  broadcast: Method<{ tx: string }, { txid: string }>;
  label: Method<{ kind: 'tx' | 'addr' | 'output' | 'input' | 'pubkey' | 'xpub'; ref: string; label: string }, unknown>;
  labels_export: Method<None, { jsonl: string }>;
  labels_import: Method<{ jsonl: string }, { count: number }>;
  freeze: Method<{ outpoint: string; frozen: boolean }, unknown>;
  parse_uri: Method<{ text: string }, { address?: string; amount?: number; label?: string; message?: string }>;
  make_uri: Method<{ address: string; amount?: number; label?: string; message?: string }, { uri: string }>;
  verify_message: Method<{ chain?: ChainChoice; address: string; message: string; signature: string }, { valid: boolean; verdict?: string; reason?: string }>;
  check_address: Method<{ address: string }, { valid: boolean; error?: string; known?: string; warning?: string }>;
  descriptors: Method<None, { account: string; name?: string; descriptor: string }[]>;
  save: Method<None, { state: string }>;
  fees: Method<None, { targets: Record<string, number> }>;
};

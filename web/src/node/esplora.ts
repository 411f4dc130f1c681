/** The node's Esplora paths. Amounts are satoshis, times seconds since 1970, hashes as people write them. */
import { type Ask, json, post, text } from './client';

export interface Output {
  scriptpubkey: string;
  scriptpubkey_asm?: string;
  scriptpubkey_type?: string;
  scriptpubkey_address?: string;
  value: number;
}

export interface Input {
  txid: string;
  vout: number;
  prevout: Output | null;
  scriptsig: string;
  scriptsig_asm?: string;
  witness?: string[];
  sequence: number;
  is_coinbase: boolean;
}

export interface TxStatus {
  confirmed: boolean;
  block_height?: number;
  block_hash?: string;
  block_time?: number;
}

export interface Tx {
  txid: string;
  version: number;
  locktime: number;
  vin: Input[];
  vout: Output[];
  size: number;
  weight: number;
  fee: number;
  status: TxStatus;
}

export interface Block {
  id: string;
  height: number;
  version: number;
  timestamp: number;
  tx_count: number;
  size: number;
  weight: number;
  merkle_root: string;
  previousblockhash: string | null;
  mediantime: number;
  nonce: number;
  bits: number;
  difficulty: number;
}

export interface Totals {
  funded_txo_count: number;
  funded_txo_sum: number;
  spent_txo_count: number;
  spent_txo_sum: number;
  tx_count: number;
}

export interface AddressTotals {
  address: string;
  chain_stats: Totals;
  mempool_stats: Totals;
}

export interface Coin {
  txid: string;
  vout: number;
  status: TxStatus;
  value: number;
}

export interface Outspend {
  spent: boolean;
  txid?: string;
  vin?: number;
  status?: TxStatus;
}

export interface Mempool {
  count: number;
  vsize: number;
  total_fee: number;
  /** `[sat/vB, vB]`, the best payers first: so many virtual bytes pay at least so much. */
  fee_histogram: [number, number][];
}

export interface RecentTx {
  txid: string;
  fee: number;
  vsize: number;
  value: number;
}

/** The base path that other Esplora clients are given, too. */
export const BASE = '/api';

export const tipHeight = async (ask?: Ask): Promise<number> => Number(await text(`${BASE}/blocks/tip/height`, ask));
export const tipHash = (ask?: Ask): Promise<string> => text(`${BASE}/blocks/tip/hash`, ask);
/** Ten blocks, from `height` (the tip if absent) downwards. */
export const blocks = (height?: number, ask?: Ask): Promise<Block[]> =>
  json(height === undefined ? `${BASE}/blocks` : `${BASE}/blocks/${height}`, ask);
export const blockHash = (height: number, ask?: Ask): Promise<string> => text(`${BASE}/block-height/${height}`, ask);
export const block = (hash: string, ask?: Ask): Promise<Block> => json(`${BASE}/block/${hash}`, ask);
/** Twenty-five transactions of a block from `start`, a multiple of 25. */
export const blockTxs = (hash: string, start: number, ask?: Ask): Promise<Tx[]> =>
  json(`${BASE}/block/${hash}/txs/${start}`, ask);
export const tx = (txid: string, ask?: Ask): Promise<Tx> => json(`${BASE}/tx/${txid}`, ask);
export const txHex = (txid: string, ask?: Ask): Promise<string> => text(`${BASE}/tx/${txid}/hex`, ask);
export const outspends = (txid: string, ask?: Ask): Promise<Outspend[]> => json(`${BASE}/tx/${txid}/outspends`, ask);
export const address = (text: string, ask?: Ask): Promise<AddressTotals> =>
  json(`${BASE}/address/${encodeURIComponent(text)}`, ask);
/** The mempool's and the newest 25 of the chain; with `after`, the 25 of the chain after that one. */
export const addressTxs = (text: string, after?: string, ask?: Ask): Promise<Tx[]> => {
  const of = `${BASE}/address/${encodeURIComponent(text)}/txs`;
  return json(after === undefined ? of : `${of}/chain/${after}`, ask);
};
export const addressCoins = (text: string, ask?: Ask): Promise<Coin[]> =>
  json(`${BASE}/address/${encodeURIComponent(text)}/utxo`, ask);
export const mempool = (ask?: Ask): Promise<Mempool> => json(`${BASE}/mempool`, ask);
export const recent = (ask?: Ask): Promise<RecentTx[]> => json(`${BASE}/mempool/recent`, ask);
/** sat/vB by the number of blocks that it should take. */
export const feeEstimates = (ask?: Ask): Promise<Record<string, number>> => json(`${BASE}/fee-estimates`, ask);
/** Sends a transaction; its txid. */
export const broadcast = (hex: string, ask?: Ask): Promise<string> => post(`${BASE}/tx`, hex, ask);

/**
 * What the node tells explorers beyond Esplora's paths: stretches of the chain for pictures, who mined, the fees to
 * pay, what a search leads to, and its plugins.
 */
import { type Ask, json } from '../node/client';

const API = '/api/v1';

/** A block with what charts need. Sums over its transactions are null while the node has not read it. */
export interface ChainBlock {
  height: number;
  hash: string;
  time: number;
  /** Seconds since the block before; may be negative, null for the first. */
  interval: number | null;
  difficulty: number;
  /** Hashes per second, estimated over the blocks before it. */
  hash_rate: number | null;
  tx_count: number;
  size: number | null;
  weight: number | null;
  fees: number | null;
  subsidy: number | null;
  /** Satoshis per virtual byte of what is not the coinbase. */
  fee_rate: number | null;
  miner: string | null;
  tag: string | null;
}

export interface Stretch {
  height: number;
  hash: string;
  end: number;
  target_spacing: number;
  average_interval: number | null;
  hash_rate: number | null;
  difficulty: number;
  next_difficulty: number;
  next_subsidy: number;
  /** Whether all sums are there; if not, to ask again gets more. */
  complete: boolean;
  /** The oldest first. */
  blocks: ChainBlock[];
}

export interface Miner {
  miner: string | null;
  tag: string | null;
  blocks: number;
  share: number;
  fees: number;
  reward: number;
  last_height: number;
  last_time: number;
}

export interface Mining {
  blocks: number;
  first: number;
  last: number;
  complete: boolean;
  miners: Miner[];
}

/** Satoshis per virtual byte. */
export interface FeeRates {
  fastestFee: number;
  halfHourFee: number;
  hourFee: number;
  economyFee: number;
  minimumFee: number;
}

/** A block that the mempool would make. */
export interface ComingBlock {
  blockSize: number;
  blockVSize: number;
  nTx: number;
  totalFees: number;
  medianFee: number;
  feeRange: number[];
}

export interface SearchAnswer {
  query: string;
  kind: 'block' | 'tx' | 'address' | 'scripthash' | 'none';
  height?: number;
  hash?: string;
  txid?: string;
  address?: string;
  scripthash?: string;
}

export interface Plugin {
  id: string;
  version: string;
  kind: string;
  state: string;
  important: boolean;
  cursor: { height: number; hash: string } | null;
  lag: number | null;
  blocks: number;
  retries: number;
  /** Whether its last attempt failed. */
  failing: boolean;
  description: string;
  figures: Record<string, number>;
}

/** A page of the mempool, the best first. Only what the pictures use is named. */
export interface PoolPage {
  count: number;
  transactions: { txid: string; vsize: number; fee: number; time: number }[];
}

export interface BlockStatus {
  in_best_chain: boolean;
  height?: number;
  next_best?: string | null;
}

/** The most blocks that one answer has. */
export const MOST_BLOCKS = 1008;

export const stretch = (blocks: number, end?: number, ask?: Ask): Promise<Stretch> =>
  json(`${API}/chain?blocks=${blocks}${end === undefined ? '' : `&end=${end}`}`, ask);
export const mining = (blocks: number, ask?: Ask): Promise<Mining> => json(`${API}/mining?blocks=${blocks}`, ask);
export const feeRates = (ask?: Ask): Promise<FeeRates> => json(`${API}/fees/recommended`, ask);
export const comingBlocks = (ask?: Ask): Promise<ComingBlock[]> => json(`${API}/fees/mempool-blocks`, ask);
export const search = (query: string, ask?: Ask): Promise<SearchAnswer> =>
  json(`${API}/search?q=${encodeURIComponent(query)}`, ask);
export const plugins = (ask?: Ask): Promise<{ plugins: Plugin[] }> => json('/plugins', ask);
export const poolPage = (limit: number, ask?: Ask): Promise<PoolPage> => json(`/transaction_pool?limit=${limit}`, ask);
export const blockStatus = (hash: string, ask?: Ask): Promise<BlockStatus> => json(`/api/block/${hash}/status`, ask);

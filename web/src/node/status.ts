/** What the node says of itself (its REST paths; `/openapi.json` describes them all). */
import { type Ask, json } from './client';

export interface Status {
  node_id: string;
  version: string;
  chain: string;
  genesis_hash: string;
  blockchain_length: number;
  height: number;
  best_block_hash: string;
  best_block_time: number;
  headers: number;
  difficulty: number;
  target_block_time: number;
  pending_transactions: number;
  active_peers: number;
  p2p_port: number | null;
  p2p_listening: boolean;
  syncing: boolean;
  uptime_seconds: number;
  warnings: string[];
}

export interface RecentBlock {
  height: number;
  hash: string;
  time: number;
  spacing: number;
  difficulty: number;
  transactions: number;
}

export interface Stats {
  node_id: string;
  chain: string;
  height: number;
  total_transactions: number;
  chain_work: string;
  difficulty: number;
  next_difficulty: number;
  network_hashes_per_second: number;
  target_block_time: number;
  average_block_time: number;
  block_reward: number;
  block_reward_coins: string;
  halving_interval: number;
  mempool: {
    transactions: number;
    virtual_size: number;
    memory: number;
    max_memory: number;
    fees: number;
    min_fee_rate: number;
  };
  storage: { blocks: number; coins: number };
  indexes: { name: string; synced: boolean; height: number }[];
  peers: Record<string, unknown> & { active: number; inbound: number; outbound: number };
  network: {
    bytes_sent: number;
    bytes_received: number;
    best_peer_height: number | null;
    known_addresses: number;
    hashes_per_second: number;
  };
  recent_blocks: RecentBlock[];
  uptime_seconds: number;
}

export interface Peer {
  id: number;
  address: string;
  local_address: string | null;
  node_id: string | null;
  user_agent: string;
  direction: 'inbound' | 'outbound';
  connection_type: string;
  ready: boolean;
  height: number | null;
  since: number;
  last_seen: number | null;
  ping_ms: number | null;
  bytes_sent: number;
  bytes_received: number;
}

export interface LightChain {
  name: string;
  genesis: string;
  /** The chain's parameters as the node writes them; null for chains that everybody knows. */
  file: string | null;
  tip: { height: number; hash: string };
  filters: boolean;
}

export const status = (ask?: Ask): Promise<Status> => json('/status', ask);
export const stats = (ask?: Ask): Promise<Stats> => json('/stats', ask);
export const peers = (ask?: Ask): Promise<{ peers: Peer[]; count: number; active_peers: number }> => json('/peers', ask);
/** What a light client needs to know about the chain. */
export const lightChain = (ask?: Ask): Promise<LightChain> => json('/light/chain', ask);

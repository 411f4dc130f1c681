/** The peers: who is connected, which way, how fast. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { bytes, NONE } from '../explorer/format';
import { NodeFrame } from '../explorer/frame';
import { chainKey } from '../explorer/live';
import { right, Show, Table } from '../explorer/parts';
import { useLoad } from '../node/load';
import { type Peer, peers as askPeers, stats as askStats } from '../node/status';
import { tip } from '../node/tip';
import { number, t } from '../text';
import { Badge, Card, Empty, PageHead, Time } from '../ui';
import { Picture, Ring, Swatch } from '../ui/charts';

/** Peers change without a new block, and nothing tells of it. */
const ASK_EVERY_MS = 10_000;
/** Spots that fit around the node; the table has all. */
const MOST_SPOTS = 32;

function latency(ms: number | null): string {
  if (ms === null) return NONE;
  return ms >= 1000 ? `${number(ms / 1000, 1)} ${t('unit.seconds')}` : `${number(ms, ms < 10 ? 1 : 0)} ${t('unit.ms')}`;
}

function toneOf(peer: Peer): string {
  return peer.direction === 'inbound' ? 'tone-2' : 'tone-1';
}

function nameOf(peer: Peer): string {
  return peer.node_id ?? peer.address;
}

function PeerPicture({ peers }: { peers: readonly Peer[] }): JSX.Element {
  const inbound = peers.filter((peer) => peer.direction === 'inbound').length;
  return (
    <Picture
      title={t('peers.picture')}
      summary={t('peers.picture.summary', { inbound, outbound: peers.length - inbound })}
      legend={
        <p class="legend">
          <span class="legend-item">
            <Swatch tone="tone-1" />
            {t('peers.outbound')}
          </span>
          <span class="legend-item">
            <Swatch tone="tone-2" />
            {t('peers.inbound')}
          </span>
          <span>{t('peers.rings')}</span>
        </p>
      }
    >
      <Ring
        label={t('peers.picture')}
        centre={t('peers.here')}
        unit={(ms) => latency(ms)}
        spots={peers.slice(0, MOST_SPOTS).map((peer, at) => ({
          key: String(peer.id),
          mark: String(at + 1),
          delay: peer.ping_ms,
          tone: toneOf(peer),
          inward: peer.direction === 'inbound',
          label: `${nameOf(peer)}, ${t(`peers.${peer.direction}`)}, ${latency(peer.ping_ms)}`,
        }))}
      />
    </Picture>
  );
}

function PeerTable({ peers }: { peers: readonly Peer[] }): JSX.Element {
  const height = tip.value?.height ?? 0;
  return (
    <Card flush title={t('peers.list')}>
      <Table
        label={t('peers.list')}
        head={[
          right(t('column.number')),
          t('peers.who'),
          t('peers.direction'),
          right(t('peers.latency')),
          right(t('column.height')),
          right(t('peers.received')),
          right(t('peers.sent')),
          t('peers.since'),
          t('peers.agent'),
        ]}
      >
        {peers.map((peer, at) => (
          <tr key={peer.id}>
            <td class="right dim">{number(at + 1)}</td>
            <th scope="row">
              {peer.node_id === null ? null : <div>{peer.node_id}</div>}
              <div class="hash nowrap">{peer.address}</div>
            </th>
            <td>
              <span class="share-name">
                <Swatch tone={toneOf(peer)} />
                {t(`peers.${peer.direction}`)}
              </span>
              {peer.ready && peer.connection_type === peer.direction ? null : (
                <div class="dim small">{peer.ready ? peer.connection_type : t('peers.greeting')}</div>
              )}
            </td>
            <td class="right">{latency(peer.ping_ms)}</td>
            <td class="right">
              {peer.height === null ? NONE : number(peer.height)}
              {peer.height !== null && peer.height > height ? <Badge tone="info">{t('peers.ahead')}</Badge> : null}
            </td>
            <td class="right">{bytes(peer.bytes_received)}</td>
            <td class="right">{bytes(peer.bytes_sent)}</td>
            <td class="number">
              <Time at={peer.since} />
            </td>
            <td class="small wrap agent">{peer.user_agent}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

export function PeersPage(): JSX.Element {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setRound((n) => n + 1), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const loaded = useLoad((signal) => askPeers({ signal }), [round, chainKey()]);
  const stats = useLoad((signal) => askStats({ signal }), [round, chainKey()]);
  const network = stats.value?.network;
  return (
    <NodeFrame at="/peers">
      <PageHead title={t('peers.title')} />
      <Show of={loaded}>
        {(value) => (
          <>
            <dl class="keys one-row">
              {(
                [
                  [t('peers.connected'), number(value.active_peers)],
                  [t('peers.known'), network ? number(network.known_addresses) : NONE],
                  [t('peers.best'), network?.best_peer_height == null ? NONE : number(network.best_peer_height)],
                  [t('peers.received'), network ? bytes(network.bytes_received) : NONE],
                  [t('peers.sent'), network ? bytes(network.bytes_sent) : NONE],
                ] as const
              ).map(([name, shown]) => (
                <div class="key" key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <span class="key-value">{shown}</span>
                  </dd>
                </div>
              ))}
            </dl>
            {value.peers.length === 0 ? (
              <Card>
                <Empty icon="peers">
                  <p>{t('peers.none')}</p>
                  <p class="small">{t('peers.none.hint')}</p>
                </Empty>
              </Card>
            ) : (
              <>
                <PeerPicture peers={value.peers} />
                <PeerTable peers={value.peers} />
              </>
            )}
          </>
        )}
      </Show>
    </NodeFrame>
  );
}

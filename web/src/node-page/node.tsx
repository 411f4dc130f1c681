/** The node itself: which version, which chain with which rules, what it keeps, and where its own papers are. */
import type { ComponentChildren, JSX } from 'preact';
import { difficulty, bytes, hashRate, NONE, percent } from '../explorer/format';
import { NodeFrame } from '../explorer/frame';
import { chainKey } from '../explorer/live';
import { Show } from '../explorer/parts';
import { useLoad } from '../node/load';
import { lightChain, stats as askStats, status as askStatus, type Stats, type Status } from '../node/status';
import { href } from '../router';
import { moment, number, span, t } from '../text';
import { Amount, Badge, Card, Copy, Facts, Hash, Note, PageHead, Progress, Time } from '../ui';
import { Gauge } from '../ui/charts';

type FactList = [ComponentChildren, ComponentChildren][];

function NodeFacts({ status }: { status: Status }): JSX.Element {
  const facts: FactList = [
    [t('node.name'), status.node_id],
    [t('node.version'), status.version],
    [t('node.uptime'), span(status.uptime_seconds)],
    [t('node.p2p'), status.p2p_port === null || !status.p2p_listening ? t('node.p2p.off') : t('node.p2p.on', { port: String(status.p2p_port) })],
    [t('key.peers'), <a href={href('/peers')}>{number(status.active_peers)}</a>],
  ];
  const more = status as Status & { authentication?: string | null; node_key?: string | null };
  if (more.authentication) facts.push([t('node.authentication'), more.authentication]);
  if (more.node_key) facts.push([t('node.key'), <Hash value={more.node_key} whole copy />]);
  return (
    <Card title={t('node.this')}>
      <Facts facts={facts} />
    </Card>
  );
}

function ChainFacts({ status, stats }: { status: Status; stats: Stats }): JSX.Element {
  const facts: FactList = [
    [t('node.chain'), status.chain],
    [t('node.genesis'), <Hash value={status.genesis_hash} to={`/block/${status.genesis_hash}`} whole />],
    [t('key.height'), <a href={href(`/block/${status.best_block_hash}`)}>{number(status.height)}</a>],
    [
      t('node.lastblock'),
      <>
        {moment(status.best_block_time)} <span class="dim">(<Time at={status.best_block_time} />)</span>
      </>,
    ],
    [t('key.transactions'), number(stats.total_transactions)],
    [t('node.work'), <code class="wrap">{stats.chain_work.replace(/^0+(?=.)/, '0x')}</code>],
  ];
  return (
    <Card
      title={t('node.thechain')}
      aside={<Badge tone={status.syncing ? 'info' : 'good'}>{t(status.syncing ? 'node.syncing' : 'node.synced')}</Badge>}
    >
      {status.syncing && status.headers > status.height ? (
        <>
          <Progress part={status.height / Math.max(1, status.headers)} label={t('node.syncing')} />
          <p class="dim small">{t('node.sync.of', { height: number(status.height), headers: number(status.headers) })}</p>
        </>
      ) : null}
      <Facts facts={facts} />
    </Card>
  );
}

function RuleFacts({ status, stats }: { status: Status; stats: Stats }): JSX.Element {
  const next = stats.halving_interval > 0 ? stats.halving_interval - ((stats.height + 1) % stats.halving_interval) : null;
  const facts: FactList = [
    [t('node.spacing'), t('node.spacing.now', { aim: span(status.target_block_time), now: span(stats.average_block_time) })],
    [t('node.reward'), <Amount satoshis={stats.block_reward} />],
    [
      t('node.halving'),
      next === null
        ? NONE
        : t('node.halving.in', { every: number(stats.halving_interval), n: next, span: span(next * status.target_block_time) }),
    ],
    [t('key.difficulty'), t('node.difficulty.next', { now: difficulty(stats.difficulty), next: difficulty(stats.next_difficulty) })],
    [t('key.hashrate'), hashRate(stats.network_hashes_per_second)],
  ];
  return (
    <Card title={t('node.rules')}>
      <Facts facts={facts} />
    </Card>
  );
}

function Storage({ stats }: { stats: Stats }): JSX.Element {
  const { storage, mempool } = stats;
  return (
    <Card title={t('node.storage')}>
      <Facts
        facts={[
          [t('node.blocks'), bytes(storage.blocks)],
          [t('node.coins'), bytes(storage.coins)],
          [
            t('node.mempool'),
            <span class="stack tight">
              {t('node.mempool.of', {
                used: bytes(mempool.memory),
                most: bytes(mempool.max_memory),
                part: percent(mempool.memory / Math.max(1, mempool.max_memory)),
              })}
              <Gauge part={mempool.memory / Math.max(1, mempool.max_memory)} tone="tone-1" />
            </span>,
          ],
        ]}
      />
      <h3>{t('node.indexes')}</h3>
      {stats.indexes.length === 0 ? (
        <p class="dim">{t('node.indexes.none')}</p>
      ) : (
        <ul class="plain-list">
          {stats.indexes.map((index) => (
            <li key={index.name} class="row apart">
              <span>{index.name}</span>
              {index.synced ? (
                <Badge tone="good" icon="check">
                  {t('node.index.ready')}
                </Badge>
              ) : (
                <Badge tone="info">{t('node.index.at', { height: number(index.height) })}</Badge>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** Where the node's interfaces are, for programs. */
function Papers({ filters }: { filters: boolean | undefined }): JSX.Element {
  const here = globalThis.location.origin;
  return (
    <Card title={t('node.papers')}>
      <ul class="plain-list">
        <li>
          <a href="/openapi.json">{t('node.papers.openapi')}</a>
        </li>
        <li>
          <a href="/status.html">{t('node.papers.plain')}</a>
        </li>
        <li>
          <a href="/metrics">{t('node.papers.metrics')}</a>
        </li>
        <li>
          <a href={href('/plugins')}>{t('node.papers.plugins')}</a>
        </li>
      </ul>
      <Facts
        facts={[
          [
            t('node.papers.esplora'),
            <span class="row">
              <code class="wrap">{`${here}/api`}</code> <Copy text={`${here}/api`} label={t('node.papers.esplora')} />
            </span>,
          ],
          [
            t('node.papers.socket'),
            <code class="wrap">{`${here.replace(/^http/, 'ws')}/ws`}</code>,
          ],
          [t('node.papers.filters'), filters === undefined ? NONE : filters ? t('yes') : t('no')],
        ]}
      />
    </Card>
  );
}

export function NodePage(): JSX.Element {
  const loaded = useLoad(
    async (signal) => {
      const [status, stats] = await Promise.all([askStatus({ signal }), askStats({ signal })]);
      return { status, stats };
    },
    [chainKey()],
  );
  const light = useLoad((signal) => lightChain({ signal }), []);
  return (
    <NodeFrame at="/node">
      <PageHead title={t('node.title')} />
      <Show of={loaded}>
        {({ status, stats }) => (
          <>
            {status.warnings.map((warning) => (
              <Note key={warning} tone="warn">
                <p>{warning}</p>
              </Note>
            ))}
            <div class="halves">
              <div class="stack">
                <NodeFacts status={status} />
                <RuleFacts status={status} stats={stats} />
                <Papers filters={light.value?.filters} />
              </div>
              <div class="stack">
                <ChainFacts status={status} stats={stats} />
                <Storage stats={stats} />
              </div>
            </div>
          </>
        )}
      </Show>
    </NodeFrame>
  );
}

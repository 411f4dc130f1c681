/** The front page: the chain as it grows, the figures that people look for first, and what waits. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { mempool as askMempool } from '../node/esplora';
import { useLoad } from '../node/load';
import { type Stats, stats as askStats } from '../node/status';
import { href } from '../router';
import { number, span, t } from '../text';
import { Amount, Card, coins, Loading, PageHead, Time } from '../ui';
import { comingBlocks, type FeeRates, feeRates, stretch, type Stretch } from './api';
import { bytes, difficulty, feerate, hashRate, NONE, virtualBytes } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { FeeHistogram, PoolTreemap } from './mempool-picture';
import { Height, MinerName, right, Show, Table } from './parts';
import { pool, poolChanges, watchPool } from './pool';
import { ChainStrip } from './strip';
import { issued } from './supply';

/** Blocks in the strip, in the list, and those that averages are made of. */
const STRIP = 24;
const LISTED = 8;
const AVERAGED = 144;

/** A figure with its name, and a line that puts it into proportion. */
function Key({ name, to, note, children }: {
  name: string;
  to?: string;
  note?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="key">
      <dt>{to === undefined ? name : <a href={href(to)}>{name}</a>}</dt>
      <dd>
        <span class="key-value">{children}</span>
        <span class="key-note">{note}</span>
      </dd>
    </div>
  );
}

function KeyFigures({ stats, chain }: { stats: Stats; chain: Stretch }): JSX.Element {
  const best = stats.network.best_peer_height;
  const last = chain.blocks.at(-1);
  return (
    <dl class="keys" aria-label={t('key.label')}>
      <Key name={t('key.height')} to={`/block/${chain.hash}`} note={last ? <Time at={last.time} /> : null}>
        {number(chain.height)}
      </Key>
      <Key name={t('key.interval')} to="/charts" note={t('key.interval.aim', { span: span(chain.target_spacing) })}>
        {chain.average_interval === null ? NONE : span(chain.average_interval)}
      </Key>
      <Key
        name={t('key.difficulty')}
        to="/charts"
        note={t('key.difficulty.next', { difficulty: difficulty(chain.next_difficulty) })}
      >
        {difficulty(chain.difficulty)}
      </Key>
      <Key name={t('key.hashrate')} to="/charts" note={t('key.hashrate.note')}>
        {chain.hash_rate === null ? NONE : hashRate(chain.hash_rate)}
      </Key>
      <Key
        name={t('key.mempool')}
        to="/mempool"
        note={t('key.mempool.note', { size: virtualBytes(stats.mempool.virtual_size) })}
      >
        {number(stats.mempool.transactions)}
      </Key>
      <Key
        name={t('key.peers')}
        to="/peers"
        note={
          best !== null && best > stats.height
            ? t('key.peers.behind', { height: number(best) })
            : t('key.peers.note', { inbound: stats.peers.inbound, outbound: stats.peers.outbound })
        }
      >
        {number(stats.peers.active)}
      </Key>
      <Key name={t('key.supply')} note={t('key.supply.note', { reward: coins(chain.next_subsidy).replace(/\.?0+$/, '') })}>
        {number(Math.floor(issued(chain.height, chain.next_subsidy, stats.halving_interval) / 1e8))}
      </Key>
      <Key name={t('key.transactions')} note={t('key.transactions.note', { size: bytes(stats.storage.blocks) })}>
        {number(stats.total_transactions)}
      </Key>
    </dl>
  );
}

function FeeAdvice({ rates }: { rates: FeeRates }): JSX.Element {
  const rows = [
    [t('fee.fastest'), rates.fastestFee],
    [t('fee.halfhour'), rates.halfHourFee],
    [t('fee.hour'), rates.hourFee],
    [t('fee.minimum'), rates.minimumFee],
  ] as const;
  return (
    <dl class="keys four">
      {rows.map(([name, rate]) => (
        <div class="key" key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="key-value">{feerate(rate)}</span>
            <span class="key-note">{t('unit.feerate')}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Newest({ chain }: { chain: Stretch }): JSX.Element {
  return (
    <Table
      label={t('newest.title')}
      head={[
        t('column.height'),
        t('column.age'),
        right(t('column.transactions')),
        right(t('column.fees')),
        t('column.miner'),
      ]}
    >
      {chain.blocks
        .slice(-LISTED)
        .reverse()
        .map((block) => (
          <tr key={block.hash}>
            <th scope="row">
              <Height height={block.height} hash={block.hash} />
            </th>
            <td class="number">
              <Time at={block.time} />
            </td>
            <td class="right">{number(block.tx_count)}</td>
            <td class="right">{block.fees === null ? NONE : <Amount satoshis={block.fees} bare />}</td>
            <td>
              <MinerName miner={block.miner} tag={block.tag} linked />
            </td>
          </tr>
        ))}
    </Table>
  );
}

export function Overview(): JSX.Element {
  useEffect(watchPool, []);
  const changes = poolChanges.value;
  const chain = useLoad((signal) => stretch(AVERAGED, undefined, { signal }), [chainKey()]);
  const stats = useLoad((signal) => askStats({ signal }), [chainKey(), changes]);
  const coming = useLoad((signal) => comingBlocks({ signal }), [chainKey(), changes]);
  const rates = useLoad((signal) => feeRates({ signal }), [chainKey(), changes]);
  const mempool = useLoad((signal) => askMempool({ signal }), [chainKey(), changes]);
  const state = pool.value;
  return (
    <ExplorerFrame at="/">
      <PageHead title={t('explorer.title')} />
      <Show of={chain}>
        {(value) => (
          <>
            <ChainStrip blocks={value.blocks.slice(-STRIP).reverse()} next={coming.value?.[0]} />
            {stats.value ? <KeyFigures stats={stats.value} chain={value} /> : null}
          </>
        )}
      </Show>
      <div class="halves">
        <div class="stack">
          {state ? <PoolTreemap state={state} height={520} /> : <Loading />}
          <Card title={t('fee.title')} aside={<a href={href('/mempool')}>{t('mempool.open')}</a>}>
            <Show of={rates}>{(value) => <FeeAdvice rates={value} />}</Show>
          </Card>
        </div>
        <div class="stack">
          <Card flush title={t('newest.title')} aside={<a href={href('/charts')}>{t('newest.charts')}</a>}>
            <Show of={chain}>{(value) => <Newest chain={value} />}</Show>
          </Card>
          {mempool.value ? <FeeHistogram mempool={mempool.value} state={state} /> : null}
        </div>
      </div>
    </ExplorerFrame>
  );
}

/** The mempool on a page of its own: the picture large, the blocks that it would make, and the transactions. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { mempool as askMempool } from '../node/esplora';
import { useLoad } from '../node/load';
import { stats as askStats } from '../node/status';
import { number, t } from '../text';
import { Amount, Card, Field, Hash, Loading, PageHead, Time } from '../ui';
import { feeHeat, Gauge } from '../ui/charts';
import { type ComingBlock, comingBlocks, feeRates } from './api';
import { bytes, feerate, feerateWords, NONE, percent, virtualBytes } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { FeeHistogram, PoolTreemap, rateOf } from './mempool-picture';
import { Pager, right, Show, Table } from './parts';
import { pool, poolChanges, type PoolState, type PoolTx, watchPool } from './pool';
import { MAX_WEIGHT } from './strip';

const ROWS = 25;

function Coming({ blocks }: { blocks: readonly ComingBlock[] }): JSX.Element {
  return (
    <div class="strip-frame" role="region" aria-label={t('mempool.coming')} tabIndex={0}>
      <ol class="strip">
        {blocks.map((block, at) => {
          const part = (block.blockVSize * 4) / MAX_WEIGHT;
          return (
            <li class="strip-card coming" key={at}>
              <div>
                <span class="strip-height">{t('mempool.inblocks', { n: at + 1 })}</span>
                <Gauge part={part} tone={`heat-${feeHeat(block.medianFee)}`} />
                <span>{t('strip.transactions', { n: block.nTx })}</span>
                <span class="dim">{feerateWords(block.medianFee)}</span>
                <span class="dim">{t('strip.full', { part: percent(part) })}</span>
                <Amount satoshis={block.totalFees} bare />
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

const ORDERS = {
  rate: (a: PoolTx, b: PoolTx) => rateOf(b) - rateOf(a),
  newest: (a: PoolTx, b: PoolTx) => b.time - a.time,
  size: (a: PoolTx, b: PoolTx) => b.vsize - a.vsize,
} as const;
type Order = keyof typeof ORDERS;

function Waiting({ state }: { state: PoolState }): JSX.Element {
  const [order, setOrder] = useState<Order>('rate');
  const [page, setPage] = useState(0);
  const txs = [...state.txs.values()].sort(ORDERS[order]);
  const pages = Math.max(1, Math.ceil(txs.length / ROWS));
  const at = Math.min(page, pages - 1);
  return (
    <Card flush title={t('mempool.list')}>
      <div class="card-inset">
        <Field label={t('mempool.order')}>
          <select
            value={order}
            onChange={(event) => {
              setOrder(event.currentTarget.value as Order);
              setPage(0);
            }}
          >
            {(Object.keys(ORDERS) as Order[]).map((name) => (
              <option key={name} value={name}>
                {t(`mempool.order.${name}`)}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <Table
        label={t('mempool.list')}
        head={[t('tx.name'), right(t('column.feerate')), right(t('column.vsize')), right(t('column.fee')), t('column.seen')]}
      >
        {txs.slice(at * ROWS, (at + 1) * ROWS).map((tx) => (
          <tr key={tx.txid}>
            <th scope="row" class="cell-id">
              <Hash value={tx.txid} to={`/tx/${tx.txid}`} />
            </th>
            <td class="right">{feerate(rateOf(tx))}</td>
            <td class="right">{number(tx.vsize)}</td>
            <td class="right">
              <Amount satoshis={tx.fee} bare />
            </td>
            <td class="number">{tx.time > 0 ? <Time at={tx.time} /> : NONE}</td>
          </tr>
        ))}
      </Table>
      <Pager label={t('mempool.list')} page={at} pages={pages} onPage={setPage} />
    </Card>
  );
}

export function MempoolPage(): JSX.Element {
  useEffect(watchPool, []);
  const key = [chainKey(), poolChanges.value];
  const mempool = useLoad((signal) => askMempool({ signal }), key);
  const coming = useLoad((signal) => comingBlocks({ signal }), key);
  const stats = useLoad((signal) => askStats({ signal }), key);
  const rates = useLoad((signal) => feeRates({ signal }), key);
  const state = pool.value;
  return (
    <ExplorerFrame at="/mempool">
      <PageHead title={t('mempool.title')} />
      <Show of={mempool}>
        {(value) => (
          <>
            <dl class="keys one-row">
              {(
                [
                  [t('mempool.transactions'), number(value.count), ''],
                  [t('mempool.waiting'), virtualBytes(value.vsize), ''],
                  [t('mempool.fees'), <Amount satoshis={value.total_fee} bare />, t('unit.coins')],
                  [
                    t('mempool.memory'),
                    stats.value ? bytes(stats.value.mempool.memory) : NONE,
                    stats.value ? t('mempool.memory.of', { most: bytes(stats.value.mempool.max_memory) }) : '',
                  ],
                  [t('fee.fastest'), rates.value ? feerate(rates.value.fastestFee) : NONE, t('unit.feerate')],
                  [t('fee.minimum'), rates.value ? feerate(rates.value.minimumFee) : NONE, t('unit.feerate')],
                ] as const
              ).map(([name, shown, note]) => (
                <div class="key" key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <span class="key-value">{shown}</span>
                    <span class="key-note">{note}</span>
                  </dd>
                </div>
              ))}
            </dl>
            <div class="halves">
              {state ? <PoolTreemap state={state} height={760} /> : <Loading />}
              <div class="stack">
                {coming.value && coming.value.length > 0 ? (
                  <Card title={t('mempool.coming')}>
                    <Coming blocks={coming.value} />
                  </Card>
                ) : null}
                <FeeHistogram mempool={value} state={state} />
              </div>
            </div>
            {state && state.txs.size > 0 ? <Waiting state={state} /> : null}
          </>
        )}
      </Show>
    </ExplorerFrame>
  );
}

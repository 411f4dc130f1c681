/** The mempool as a fee picture: each transaction a box, and how much waits at each fee rate. */
import type { JSX } from 'preact';
import type { Mempool } from '../node/esplora';
import { href } from '../router';
import { number, t } from '../text';
import { Amount, Card, Empty, Hash } from '../ui';
import { Columns, FEE_STEPS, feeHeat, FeeLegend, feeStep, feeStepShort, Picture, Treemap } from '../ui/charts';
import { amountWords, ends, feerate, virtualBytes } from './format';
import type { PoolState, PoolTx } from './pool';

/** Boxes beyond these would be specks. */
const MOST_TILES = 500;
/** Rows of the table; the list on the mempool's page has them all. */
const MOST_ROWS = 50;

export function rateOf(tx: PoolTx): number {
  return tx.fee / Math.max(1, tx.vsize);
}

/** Every transaction as a box, by size and fee rate. */
export function PoolTreemap({ state, height = 380 }: { state: PoolState; height?: number }): JSX.Element {
  const shown = [...state.txs.values()].sort((a, b) => b.vsize - a.vsize).slice(0, MOST_TILES);
  const hidden = state.count - shown.length;
  if (shown.length === 0) {
    return (
      <Card title={t('mempool.picture')}>
        <Empty icon="clock">{t('mempool.empty')}</Empty>
      </Card>
    );
  }
  const rows = () => [...state.txs.values()].sort((a, b) => rateOf(b) - rateOf(a)).slice(0, MOST_ROWS);
  return (
    <Picture
      title={t('mempool.picture')}
      summary={`${t('mempool.picture.summary', { n: state.count })}${hidden > 0 ? ` ${t('mempool.picture.hidden', { n: hidden })}` : ''}`}
      legend={<FeeLegend />}
      table={() => ({
        head: [t('tx.name'), t('column.feerate'), t('column.vsize'), t('column.fee')],
        rows: rows().map((tx) => [
          <Hash value={tx.txid} to={`/tx/${tx.txid}`} />,
          feerate(rateOf(tx)),
          number(tx.vsize),
          <Amount satoshis={tx.fee} bare />,
        ]),
      })}
    >
      <Treemap
        label={t('mempool.picture')}
        height={height}
        tiles={shown.map((tx) => ({
          id: tx.txid,
          weight: tx.vsize,
          feerate: rateOf(tx),
          href: href(`/tx/${tx.txid}`),
          label: t('mempool.tile', {
            txid: ends(tx.txid),
            rate: feerate(rateOf(tx)),
            size: virtualBytes(tx.vsize),
            fee: amountWords(tx.fee),
          }),
        }))}
      />
    </Picture>
  );
}

/** How many virtual bytes wait at each fee rate. */
export function FeeHistogram({ mempool, state }: { mempool: Mempool; state: PoolState | null }): JSX.Element | null {
  // The page's own list is exact where it is whole; the node's histogram has few, wide steps.
  const whole = state !== null && state.count > 0 && state.txs.size >= state.count;
  const steps = [...FEE_STEPS, 0].map(() => 0);
  const add = (rate: number, vsize: number): void => {
    const heat = feeHeat(rate);
    steps[heat] = (steps[heat] ?? 0) + vsize;
  };
  if (whole) for (const tx of state.txs.values()) add(rateOf(tx), tx.vsize);
  else for (const [rate, vsize] of mempool.fee_histogram) add(rate, vsize);
  const total = steps.reduce((sum, vsize) => sum + vsize, 0);
  if (total === 0) return null;
  return (
    <Picture
      title={t('mempool.histogram')}
      summary={t('mempool.histogram.summary', { size: virtualBytes(total), fees: amountWords(mempool.total_fee) })}
      table={() => ({
        head: [t('column.feerate'), t('mempool.waiting')],
        rows: steps.map((vsize, heat) => [feeStep(heat), virtualBytes(vsize)]),
      })}
    >
      <Columns
        label={t('mempool.histogram')}
        format={virtualBytes}
        bars={steps.map((vsize, heat) => ({
          name: feeStepShort(heat),
          value: vsize,
          tone: `heat-${heat}`,
          label: `${feeStep(heat)}: ${virtualBytes(vsize)}`,
        }))}
      />
    </Picture>
  );
}

/** Curves of the last blocks: interval, difficulty, hash rate, fees, and who mined them. */
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { useLoad } from '../node/load';
import { navigate, type PageProps } from '../router';
import { number, span, t } from '../text';
import { coins, Loading, PageHead } from '../ui';
import { Picture } from '../ui/charts';
import { Shares } from '../ui/charts/shares';
import { type Curve, TimeSeries } from '../ui/charts/timeseries';
import { type ChainBlock, type Mining, mining, MOST_BLOCKS, stretch, type Stretch } from './api';
import { amountWords, difficulty, feerate, feerateWords, hashRate, percent } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { MinerName, Partial, Show } from './parts';

/** How many blocks a reader can choose to see. */
const RANGES = [60, 144, 504, 1008, 4032] as const;
const DEFAULT_RANGE = 144;
/** Rows of a picture's table; more nobody reads. */
const MOST_ROWS = 200;
/** Blocks that a moving average is made of. */
const AVERAGED = 12;
/** The node reads older blocks in the background; so often, and after such a wait, it is asked for the rest. */
const ASK_AGAIN_MS = 2000;

/** The last blocks, in as many answers as it takes. */
async function load(range: number, signal: AbortSignal): Promise<Stretch> {
  const newest = await stretch(Math.min(range, MOST_BLOCKS), undefined, { signal });
  let { blocks, complete } = newest;
  while (blocks.length < range) {
    const first = blocks[0]?.height ?? 0;
    if (first === 0) break;
    const older = await stretch(Math.min(range - blocks.length, MOST_BLOCKS), first - 1, { signal });
    if (older.blocks.length === 0) break;
    blocks = [...older.blocks, ...blocks];
    complete &&= older.complete;
  }
  return { ...newest, blocks, complete };
}

/** The mean of each value and those before it, so that a curve is seen where single values jump. */
function smooth(values: readonly (number | null)[]): (number | null)[] {
  return values.map((_, at) => {
    const some = values.slice(Math.max(0, at + 1 - AVERAGED), at + 1).filter((value) => value !== null);
    return some.length < Math.min(AVERAGED, 3) ? null : some.reduce((sum, value) => sum + value, 0) / some.length;
  });
}

interface Chart {
  title: `chart.${'interval' | 'difficulty' | 'hashrate' | 'fees' | 'feerate' | 'transactions'}`;
  value: (block: ChainBlock) => number | null;
  format: (value: number) => string;
  /** The same for the scale, without the unit where that is long. */
  scale?: (value: number) => string;
  colour: string;
  /** A curve of means over points, where single values jump. */
  jumps?: boolean;
}

/** Negative intervals are told as they are. */
function interval(seconds: number): string {
  return seconds < 0 ? `−${span(-seconds)}` : span(seconds);
}

const CHARTS: readonly Chart[] = [
  // The first block after genesis may come years after it: it says nothing about the chain's pace.
  { title: 'chart.interval', value: (b) => (b.height > 1 ? b.interval : null), format: interval, colour: '--chart-1', jumps: true },
  { title: 'chart.difficulty', value: (b) => b.difficulty, format: difficulty, colour: '--chart-2' },
  { title: 'chart.hashrate', value: (b) => b.hash_rate, format: hashRate, colour: '--chart-4' },
  { title: 'chart.fees', value: (b) => b.fees, format: amountWords, scale: (value) => coins(Math.round(value)).replace(/0{1,6}$/, ''), colour: '--chart-3', jumps: true },
  { title: 'chart.feerate', value: (b) => (b.tx_count > 1 ? b.fee_rate : null), format: feerateWords, scale: feerate, colour: '--chart-5', jumps: true },
  { title: 'chart.transactions', value: (b) => b.tx_count, format: (value) => number(value), colour: '--chart-6', jumps: true },
];

/** What one would see, in one sentence. */
function summary(chart: Chart, values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return t('chart.nothing');
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return t('chart.summary', {
    least: chart.format(Math.min(...known)),
    most: chart.format(Math.max(...known)),
    mean: chart.format(chart.title === 'chart.fees' ? Math.round(mean) : mean),
    last: chart.format(known.at(-1) ?? 0),
  });
}

const plainHeight = (height: number): string => number(height);

function ChartPicture({ chart, blocks, aim }: { chart: Chart; blocks: readonly ChainBlock[]; aim: number }): JSX.Element {
  const { x, values, curves } = useMemo(() => {
    const values = blocks.map(chart.value);
    const format = (value: number): string => chart.format(chart.title === 'chart.fees' ? Math.round(value) : value);
    const curves: Curve[] = [{ name: t(chart.title), colour: chart.colour, values, format, points: chart.jumps ?? false }];
    if (chart.jumps) curves.push({ name: t('chart.mean', { n: AVERAGED }), colour: chart.colour, values: smooth(values), format });
    if (chart.title === 'chart.interval') {
      curves.push({ name: t('chart.aim'), colour: '--dim', values: blocks.map(() => aim), format, dashed: true });
    }
    return { x: blocks.map((block) => block.height), values, curves };
  }, [chart, blocks, aim]);
  return (
    <Picture
      title={t(chart.title)}
      summary={summary(chart, values)}
      table={() => ({
        head: [t('column.height'), t(chart.title)],
        rows: blocks
          .map((block, at) => [number(block.height), values[at] == null ? '–' : chart.format(values[at] ?? 0)])
          .reverse()
          .slice(0, MOST_ROWS),
      })}
    >
      <TimeSeries x={x} xName={t('column.height')} xFormat={plainHeight} curves={curves} scale={chart.scale ?? chart.format} />
    </Picture>
  );
}

function MinerShares({ value }: { value: Mining }): JSX.Element {
  return (
    <Picture title={t('chart.miners')} summary={t('chart.miners.summary', { n: value.blocks, miners: value.miners.length })}>
      <Shares
        head={[t('column.miner'), t('chart.share'), t('chart.blocks')]}
        label={t('chart.miners.table')}
        shares={value.miners.map((miner, at) => ({
          key: `${miner.miner ?? ''}/${miner.tag ?? ''}/${at}`,
          name: <MinerName miner={miner.miner} tag={miner.tag} linked whole />,
          part: miner.share,
          shown: [percent(miner.share), number(miner.blocks)],
        }))}
      />
    </Picture>
  );
}

function Ranges({ chosen }: { chosen: number }): JSX.Element {
  return (
    <div class="chart-ranges" role="group" aria-label={t('chart.range')}>
      {RANGES.map((range) => (
        <button
          key={range}
          type="button"
          class="button small"
          aria-pressed={range === chosen ? 'true' : 'false'}
          onClick={() => navigate('/charts', { replace: true, search: { blocks: String(range) } })}
        >
          {t('chart.range.blocks', { n: range })}
        </button>
      ))}
    </div>
  );
}

export function ChartsPage({ query }: PageProps): JSX.Element {
  const wanted = Number(query.get('blocks'));
  const range = RANGES.find((range) => range === wanted) ?? DEFAULT_RANGE;
  const chain = useLoad((signal) => load(range, signal), [range, chainKey()]);
  const miners = useLoad((signal) => mining(Math.min(range, MOST_BLOCKS), { signal }), [range, chainKey()]);
  const complete = chain.value?.complete ?? true;
  useEffect(() => {
    if (complete || chain.state !== 'ready') return;
    const timer = setTimeout(chain.again, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [complete, chain.state]);
  return (
    <ExplorerFrame at="/charts">
      <PageHead title={t('chart.title')} />
      <Ranges chosen={range} />
      <Show of={chain}>
        {(value) => (
          <>
            {value.complete ? null : <Partial>{t('chart.incomplete')}</Partial>}
            <div class="halves">
              {CHARTS.map((chart) => (
                <ChartPicture key={chart.title} chart={chart} blocks={value.blocks} aim={value.target_spacing} />
              ))}
            </div>
          </>
        )}
      </Show>
      {miners.value ? <MinerShares value={miners.value} /> : <Loading />}
    </ExplorerFrame>
  );
}

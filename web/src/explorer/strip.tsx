/**
 * The chain as a row of cards: the block to come, then the newest block and those before it. A new block pushes in from
 * the left as it arrives.
 */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { href } from '../router';
import { number, t } from '../text';
import { Time } from '../ui';
import { feeHeat, Gauge } from '../ui/charts';
import type { ChainBlock, ComingBlock } from './api';
import { bytes, feerateWords, percent } from './format';
import { MinerName } from './parts';

/** The heaviest that a block may be. */
export const MAX_WEIGHT = 4_000_000;

/** The block that could be mined now. */
function NextCard({ next }: { next: ComingBlock | undefined }): JSX.Element {
  const part = next ? (next.blockVSize * 4) / MAX_WEIGHT : 0;
  return (
    <li class="strip-card coming">
      <a href={href('/mempool')}>
        <span class="strip-height">{t('strip.next')}</span>
        <Gauge part={part} tone={next ? `heat-${feeHeat(next.medianFee)}` : 'heat-none'} />
        <span>{t('strip.transactions', { n: next?.nTx ?? 0 })}</span>
        <span class="dim">{next ? feerateWords(next.medianFee) : t('strip.nothing')}</span>
        <span class="dim">{next ? t('strip.full', { part: percent(part) }) : ''}</span>
      </a>
    </li>
  );
}

function BlockCard({ block, fresh }: { block: ChainBlock; fresh: boolean }): JSX.Element {
  const part = (block.weight ?? 0) / MAX_WEIGHT;
  const pays = block.tx_count > 1 && block.fee_rate !== null;
  const tone = pays ? `heat-${feeHeat(block.fee_rate ?? 0)}` : 'heat-none';
  return (
    <li class={`strip-card edge-${tone}${fresh ? ' fresh' : ''}`}>
      <a href={href(`/block/${block.hash}`)}>
        <span class="strip-height">{number(block.height)}</span>
        <Gauge part={part} tone={tone} />
        <span>{t('strip.transactions', { n: block.tx_count })}</span>
        <span class="dim">{pays ? feerateWords(block.fee_rate ?? 0) : t('strip.nofees')}</span>
        <span class="dim">{block.size === null ? '' : bytes(block.size)}</span>
        <span class="strip-miner">
          <MinerName miner={block.miner} tag={block.tag} />
        </span>
        <span class="strip-age">
          <Time at={block.time} />
        </span>
      </a>
    </li>
  );
}

/** The strip. `blocks` has the newest first. */
export function ChainStrip({ blocks, next }: { blocks: readonly ChainBlock[]; next: ComingBlock | undefined }): JSX.Element {
  const seen = useRef<ReadonlySet<string> | null>(null);
  const known = seen.current;
  useEffect(() => {
    seen.current = new Set(blocks.map((block) => block.hash));
  }, [blocks]);
  const newest = blocks[0];
  return (
    <>
      <div class="strip-frame" role="region" aria-label={t('strip.label')} tabIndex={0}>
        <ol class="strip">
          <NextCard next={next} />
          {blocks.map((block) => (
            <BlockCard key={block.hash} block={block} fresh={known !== null && !known.has(block.hash)} />
          ))}
        </ol>
      </div>
      <p class="hidden-text" role="status">
        {newest ? t('strip.arrived', { height: number(newest.height), n: newest.tx_count }) : ''}
      </p>
    </>
  );
}

/** Choosing a fee rate: what the node thinks is needed, or by hand. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { number, span, t } from '../../text';
import { node } from '../../node/tip';
import { Field } from '../../ui';
import { useLight } from './use';

/** sat/vB that somebody typed, with at most three decimals; null if it is none. */
export function feerate(text: string): number | null {
  if (!/^\s*\d{1,6}(?:[.,]\d{1,3})?\s*$/.test(text)) return null;
  const rate = Number(text.trim().replace(',', '.'));
  return rate > 0 && rate <= 100_000 ? rate : null;
}

interface Offer {
  blocks: number;
  rate: number;
}

/** At most three of the node's targets that differ: soon, later, some time. */
function offers(targets: Readonly<Record<string, number>>): Offer[] {
  const all = Object.entries(targets)
    .map(([blocks, rate]) => ({ blocks: Number(blocks), rate }))
    .filter(({ blocks, rate }) => blocks > 0 && rate > 0)
    .sort((a, b) => a.blocks - b.blocks);
  const at = [all[0], all.find(({ blocks }) => blocks >= 6), all.find(({ blocks }) => blocks >= 24)];
  const kept: Offer[] = [];
  for (const offer of at) {
    if (offer && !kept.some((other) => other.blocks === offer.blocks || other.rate === offer.rate)) kept.push(offer);
  }
  return kept;
}

/** What is given where the node cannot say: enough to be relayed. */
const FALLBACK = 1;

/**
 * Calls `onChoose` with a rate, or with null while what stands there is none. `least` is the lowest that makes sense
 * (a replacement must pay more than what it replaces).
 */
export function FeePicker({ onChoose, least = 0 }: { onChoose: (rate: number | null) => void; least?: number }): JSX.Element {
  const { value } = useLight('fees', {});
  const [chosen, choose] = useState<string | null>(null);
  const [typed, type] = useState('');
  const list = value ? offers(value.targets).filter(({ rate }) => rate > least) : [];
  const normal = list.length > 1 ? list[1] : list[0];
  const way = chosen ?? (value && !normal ? 'hand' : String(normal?.blocks ?? ''));
  const hand = way === 'hand';
  const start = String(Math.max(FALLBACK, Math.ceil(least + (least > 0 ? 1 : 0))));
  const text = typed === '' && chosen === null && hand ? start : typed;
  const rate = hand ? feerate(text) : (list.find(({ blocks }) => String(blocks) === way)?.rate ?? null);
  const fits = rate !== null && rate > least ? rate : null;
  useEffect(() => onChoose(fits), [fits]);
  const spacing = node.value?.target_block_time;
  return (
    <fieldset class="fees">
      <legend>{t('wallet.fee.rate')}</legend>
      <div class="fee-choices">
        {list.map((offer) => (
          <label class="choice" key={offer.blocks}>
            <input type="radio" name="fee" checked={way === String(offer.blocks)} onChange={() => choose(String(offer.blocks))} />
            <span>
              <strong>{t('wallet.fee.blocks', { n: offer.blocks })}</strong>
              <span class="dim small">
                {t('wallet.fee.satvb', { rate: number(offer.rate, 3) })}
                {spacing ? ` · ${t('wallet.fee.about', { time: span(offer.blocks * spacing) })}` : ''}
              </span>
            </span>
          </label>
        ))}
        <label class="choice">
          <input
            type="radio"
            name="fee"
            checked={hand}
            onChange={() => {
              if (typed === '') type(String(rate ?? start));
              choose('hand');
            }}
          />
          <span>
            <strong>{t('wallet.fee.hand')}</strong>
            <span class="dim small">{list.length === 0 ? t('wallet.fee.none') : t('wallet.fee.hand.what')}</span>
          </span>
        </label>
      </div>
      {hand ? (
        <Field
          label={t('wallet.fee.hand.label')}
          fault={text !== '' && fits === null ? (rate === null ? t('wallet.fee.bad') : t('wallet.fee.low', { rate: number(least, 3) })) : undefined}
        >
          <input
            type="text"
            inputMode="decimal"
            autocomplete="off"
            value={text}
            onInput={(event) => {
              choose('hand');
              type(event.currentTarget.value);
            }}
          />
        </Field>
      ) : null}
    </fieldset>
  );
}

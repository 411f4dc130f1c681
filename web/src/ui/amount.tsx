/** Amounts: whole satoshis in, coins with eight decimals out, without a float in between. */
import type { JSX } from 'preact';
import { language } from '../text';

const COIN = 100_000_000n;

/** Coins as exact text: `1.50000000`. */
export function coins(satoshis: number | bigint): string {
  const all = BigInt(satoshis);
  const positive = all < 0n ? -all : all;
  const decimals = (positive % COIN).toString().padStart(8, '0');
  return `${all < 0n ? '-' : ''}${positive / COIN}.${decimals}`;
}

/** Satoshis of an amount that somebody typed in coins; null if it is none. */
export function satoshis(text: string): number | null {
  const parts = /^\s*(\d{1,8})?(?:[.,](\d{0,8}))?\s*$/.exec(text);
  if (!parts || (parts[1] === undefined && !parts[2])) return null;
  return Number(BigInt(parts[1] ?? '0') * COIN + BigInt((parts[2] ?? '').padEnd(8, '0')));
}

/** The name of the unit, as the chain's people say it. */
export const UNIT = 'coins';

export interface AmountProps {
  satoshis: number | bigint;
  /** Show a plus for what came in. */
  signed?: boolean;
  large?: boolean;
  /** Leave out the unit's name. */
  bare?: boolean;
}

/** An amount: the satoshis in smaller type, so that the eye finds the point. */
export function Amount({ satoshis, signed = false, large = false, bare = false }: AmountProps): JSX.Element {
  const all = BigInt(satoshis);
  const [whole = '0', decimals = ''] = coins(all < 0n ? -all : all).split('.');
  const grouped = new Intl.NumberFormat(language.value).format(BigInt(whole));
  const kept = decimals.replace(/0{1,6}$/, '');
  const sign = all < 0n ? '−' : signed && all > 0n ? '+' : '';
  const kind = `amount${large ? ' large' : ''}${signed && all > 0n ? ' plus' : ''}`;
  return (
    <span class={kind} title={`${coins(all)} ${UNIT}`}>
      {sign}
      {grouped}
      <span class="minor">{point()}{kept}</span>
      {bare ? null : <span class="unit"> {UNIT}</span>}
    </span>
  );
}

/** The decimal point of the language. */
function point(): string {
  const parts = new Intl.NumberFormat(language.value, { minimumFractionDigits: 1 }).formatToParts(0.5);
  return parts.find((part) => part.type === 'decimal')?.value ?? '.';
}

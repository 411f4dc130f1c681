/** Numbers of the chain as people read them. */
import { language, number, short, t } from '../text';
import { coins, UNIT } from '../ui';

/** A dash where there is no value. */
export const NONE = '–';

/** Satoshis per virtual byte. */
export function feerate(rate: number): string {
  return number(rate, rate >= 100 ? 0 : rate >= 10 ? 1 : 2);
}

/** The same with its unit. */
export function feerateWords(rate: number): string {
  return `${feerate(rate)} ${t('unit.feerate')}`;
}

/** The virtual bytes of a weight. */
export function virtualSize(weight: number): number {
  return Math.ceil(weight / 4);
}

export const bytes = (value: number): string => short(value, t('unit.bytes'));
export const virtualBytes = (value: number): string => short(value, t('unit.vbytes'));
/** Hashes per second. Test chains have fractions of one. */
export function hashRate(value: number): string {
  const unit = t('unit.hashrate');
  return value < 10 ? `${number(value, 2)} ${unit}` : short(value, unit);
}

/** A difficulty. Small chains have fractions of one. */
export function difficulty(value: number): string {
  if (value >= 1e6) return short(value);
  if (value !== 0 && value < 0.001) return value.toExponential(3);
  return number(value, value >= 100 ? 0 : value >= 1 ? 2 : 6);
}

/** A part of a whole. Small parts keep two digits that are not zero. */
export function percent(part: number, decimals = 1): string {
  const few = part > 0 && part < 0.01 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: decimals };
  return new Intl.NumberFormat(language.value, { style: 'percent', ...few }).format(part);
}

/** An amount as plain text, with its unit and without zeros at the end. */
export function amountWords(satoshis: number): string {
  return `${coins(satoshis).replace(/0{1,6}$/, '')} ${UNIT}`;
}

/** Four bytes of a header as they are written. */
export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

/** The ends of a long id, for labels. What is shown in lists is `Hash`, which has all of it. */
export function ends(id: string): string {
  return id.length <= 17 ? id : `${id.slice(0, 8)}…${id.slice(-8)}`;
}

/** The printable runs of bytes given as hex: what a miner wrote into its coinbase. */
export function printable(hex: string): string {
  let text = '';
  for (const byte of hex.match(/../g) ?? []) {
    const code = Number.parseInt(byte, 16);
    text += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '\n';
  }
  const runs = text.split('\n').filter((run) => run.trim().length >= 4);
  return runs.join(' ').trim();
}

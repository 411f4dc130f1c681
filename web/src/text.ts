/**
 * Every text that people read, in one table per language: `src/text/<language>/`.
 *
 * English is the measure: another language is a table of the same keys, and what it lacks is shown in English.
 * `{name}` in a text is filled in; which names a key needs is checked when the app is built. A text that depends on a
 * number is an object of plural forms, chosen by the parameter `n`.
 */
import { signal } from '@preact/signals';
import { english } from './text/en';

/** Plural forms as `Intl.PluralRules` names them. */
export interface Forms {
  readonly one?: string;
  readonly few?: string;
  readonly many?: string;
  readonly other: string;
}

export type TextTable = Readonly<Record<string, string | Forms>>;
type English = typeof english;
export type TextKey = keyof English;

/** The names in braces. */
type Names<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<E> = E extends string ? Names<E> : E extends { readonly other: infer O } ? Names<O> | 'n' : never;

/** Keys of texts in which nothing is filled in. */
export type PlainKey = { [K in TextKey]: [NamesOf<English[K]>] extends [never] ? K : never }[TextKey];

type Fill<K extends TextKey> = [NamesOf<English[K]>] extends [never]
  ? []
  : [fill: Readonly<Record<NamesOf<English[K]>, string | number>>];

const TABLES: Readonly<Record<string, Partial<Record<TextKey, string | Forms>>>> = { en: english };

function preferred(): string {
  const wanted = globalThis.navigator.languages.map((language) => language.split('-', 1)[0] ?? '');
  return wanted.find((language) => language in TABLES) ?? 'en';
}

/** The language of the texts. */
export const language = signal(preferred());

/** The languages there are. */
export const languages: readonly string[] = Object.keys(TABLES);

/** A text. */
export function t<K extends TextKey>(key: K, ...fill: Fill<K>): string {
  const entry = TABLES[language.value]?.[key] ?? english[key];
  const values = (fill[0] ?? {}) as Readonly<Record<string, string | number>>;
  const text = typeof entry === 'string' ? entry : form(entry as Forms, Number(values['n'] ?? 0));
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? number(value) : value;
  });
}

function form(forms: Forms, n: number): string {
  const name = new Intl.PluralRules(language.value).select(n) as keyof Forms;
  return forms[name] ?? forms.other;
}

/** A number for people, with at most so many decimals. */
export function number(value: number, decimals = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: decimals }).format(value);
}

/** A number of bytes, hashes, … with a decimal prefix: 1.2 M. */
export function short(value: number, unit = ''): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'];
  let at = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && at < prefixes.length - 1) {
    rest /= 1000;
    at += 1;
  }
  const decimals = at === 0 ? 0 : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return `${number(Math.sign(value) * rest, decimals)} ${prefixes[at] ?? ''}${unit}`.trim();
}

/** A moment (seconds since 1970) as date and time. */
export function moment(seconds: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'medium' }).format(seconds * 1000);
}

const SPANS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** So many seconds ahead of this clock is now: no two clocks agree, and a block's time may have to be later. */
const SLACK = 60;

/** How long ago a moment is (seconds since 1970), in its largest unit. */
export function ago(seconds: number, now: number): string {
  const past = seconds > now && seconds - now < SLACK ? 0 : seconds - now;
  const [unit, length] = SPANS.find(([, length]) => Math.abs(past) >= length) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language.value, { numeric: 'auto' }).format(Math.round(past / length), unit);
}

/** A length of time in seconds, in its two largest units: 2 h 5 min. */
export function span(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const;
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${number(count)} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

/** Hashes, which may be shortened, and addresses, which never are. */
import type { JSX } from 'preact';
import { href } from '../router';
import { t } from '../text';
import { Copy } from './copy';

export interface HashProps {
  value: string;
  /** Where it leads to. */
  to?: string;
  /** All of it; else as much as fits, with its end. */
  whole?: boolean;
  copy?: boolean;
}

/** A txid or a block hash. A screen reader and the clipboard get all of it. */
export function Hash({ value, to, whole = false, copy = false }: HashProps): JSX.Element {
  const shown = whole ? (
    <span class="hash">{value}</span>
  ) : (
    <span class="hash short" title={value}>
      <span class="head">{value.slice(0, -6)}</span>
      <span>{value.slice(-6)}</span>
    </span>
  );
  return (
    <>
      {to === undefined ? shown : <a href={href(to)}>{shown}</a>}
      {copy ? <Copy text={value} /> : null}
    </>
  );
}

/** An address in groups of four, so that two can be compared by eye. Selecting it selects it without the gaps. */
export function Address({ value, to, large = false, copy = false }: {
  value: string;
  to?: string;
  large?: boolean;
  copy?: boolean;
}): JSX.Element {
  const groups = value.match(/.{1,4}/g) ?? [];
  const shown = (
    <span class={large ? 'address large' : 'address'}>
      {groups.map((group, at) => (
        <span key={at}>{group}</span>
      ))}
    </span>
  );
  return (
    <>
      {to === undefined ? shown : <a href={href(to)}>{shown}</a>}
      {copy ? <Copy text={value} label={t('address.label')} /> : null}
    </>
  );
}

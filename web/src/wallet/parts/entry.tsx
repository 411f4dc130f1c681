/** A transaction as one line. */
import type { JSX } from 'preact';
import { href } from '../../router';
import { t } from '../../text';
import { Address, Amount, Icon, Time } from '../../ui';
import type { HistoryEntry } from '../worker/protocol';
import { TrustBadge } from './trust';

/** To whom it went, or where it came in: the whole address. */
export function counterpart(entry: HistoryEntry): string | null {
  const wanted = entry.net < 0 ? entry.outputs.find((output) => !output.mine) : entry.outputs.find((output) => output.mine);
  return wanted?.address ?? null;
}

export function entryTitle(entry: HistoryEntry): string {
  if (entry.coinbase) return t('wallet.entry.mined');
  if (entry.net >= 0) return t('wallet.entry.received');
  return entry.outputs.every((output) => output.mine) ? t('wallet.entry.self') : t('wallet.entry.sent');
}

export function EntryLine({ entry }: { entry: HistoryEntry }): JSX.Element {
  const address = counterpart(entry);
  const void_ = entry.state === 'replaced' || entry.state === 'dropped';
  return (
    <a class={void_ ? 'line entry void' : 'line entry'} href={href(`/wallet/tx/${entry.txid}`)}>
      <span class={entry.net < 0 ? 'way out' : 'way in'}>
        <Icon name={entry.coinbase ? 'block' : entry.net < 0 ? 'send' : 'receive'} />
      </span>
      <span class="grow stack tight">
        <span class="row apart">
          <strong class="wrap">{entry.label ? entry.label : entryTitle(entry)}</strong>
          <Amount satoshis={entry.net} signed />
        </span>
        {address === null ? null : (
          <span class="small dim">
            <Address value={address} />
          </span>
        )}
        <span class="row apart small">
          <span class="dim">
            {entry.label ? `${entryTitle(entry)} · ` : ''}
            {entry.time ? <Time at={entry.time} /> : null}
          </span>
          <TrustBadge of={entry} />
        </span>
      </span>
    </a>
  );
}

/** How sure something is: proven, only waiting, or only said by the node. */
import type { JSX } from 'preact';
import { number, t } from '../../text';
import { Badge } from '../../ui';
import type { HistoryEntry, TxState } from '../worker/protocol';

export interface Standing {
  state: TxState;
  confirmations: number;
  immature?: boolean;
}

/** The badge of a transaction or a coin. */
export function TrustBadge({ of }: { of: Standing }): JSX.Element {
  if (of.state === 'replaced') return <Badge tone="warn">{t('wallet.state.replaced')}</Badge>;
  if (of.state === 'dropped') return <Badge tone="bad">{t('wallet.state.dropped')}</Badge>;
  if (of.state === 'mempool') {
    return (
      <Badge tone="info" icon="clock">
        {t('wallet.state.mempool')}
      </Badge>
    );
  }
  const n = of.confirmations;
  if (of.state === 'reported') {
    return (
      <Badge tone="warn" icon="warn">
        {t('wallet.state.reported')}
      </Badge>
    );
  }
  return (
    <Badge tone="good" icon="shield">
      {of.immature ? t('wallet.state.immature') : n > 0 && n < 100 ? t('wallet.state.proven.n', { n }) : t('wallet.state.proven')}
    </Badge>
  );
}

/** What the badge means, in a sentence. */
export function explain(entry: Pick<HistoryEntry, 'state' | 'height'>): string {
  switch (entry.state) {
    case 'replaced':
      return t('wallet.state.replaced.what');
    case 'dropped':
      return t('wallet.state.dropped.what');
    case 'mempool':
      return t('wallet.state.mempool.what');
    case 'reported':
      return t('wallet.state.reported.what');
    case 'proven':
      return t('wallet.state.proven.what', { height: number(entry.height ?? 0) });
  }
}

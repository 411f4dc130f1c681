/** Which account. */
import type { JSX } from 'preact';
import { t } from '../../text';
import { Field } from '../../ui';
import { summary } from '../session';
import type { Summary } from '../worker/protocol';

export type Account = Summary['accounts'][number];

/** What an account is called. */
export function accountName(account: Account): string {
  switch (account.kind) {
    case 'taproot':
      return account.index ? t('wallet.kind.taproot.n', { n: account.index }) : t('wallet.kind.taproot');
    case 'segwit':
      return account.index ? t('wallet.kind.segwit.n', { n: account.index }) : t('wallet.kind.segwit');
    case 'nested':
      return t('wallet.kind.nested');
    case 'legacy':
      return t('wallet.kind.legacy');
    default:
      return account.name ?? account.id;
  }
}

/** A choice among the accounts; nothing if there is only one. */
export function AccountField({ chosen, onChoose, all }: {
  chosen: string;
  onChoose: (id: string) => void;
  /** A text for "all of them", if that is a choice. */
  all?: string;
}): JSX.Element | null {
  const accounts = summary.value?.accounts ?? [];
  if (accounts.length < 2) return null;
  return (
    <Field label={t('wallet.account')}>
      <select value={chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
        {all === undefined ? null : <option value="">{all}</option>}
        {accounts.map((account) => (
          <option key={account.id} value={account.id}>
            {accountName(account)}
          </option>
        ))}
      </select>
    </Field>
  );
}

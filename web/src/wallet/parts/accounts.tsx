/** Which account. */
import type { JSX } from 'preact';
import { t } from '../../text';
import { Field } from '../../ui';
import { summary } from '../session';
import type { Summary } from '../worker/protocol';

export type Account = Summary['accounts'][number];

/** What an account is called. */
export function accountName(account: Account): string {
  const { kind, name } = account;
  // Those of the wallet's own keys have no name but `kind` and `kind n`.
  const own = /^(legacy|nested|segwit|taproot)(?: (\d+))?$/.exec(name);
  if (!own || own[1] !== kind) return name;
  const what = t(`wallet.kind.${kind}`);
  return own[2] === undefined ? what : t('wallet.kind.n', { kind: what, n: own[2] });
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

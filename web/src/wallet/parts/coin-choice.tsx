/** Which coins may be spent: chosen by hand, or left to the wallet. */
import type { JSX } from 'preact';
import { t } from '../../text';
import { Address, Amount } from '../../ui';
import { TrustBadge } from './trust';
import { useLight } from './use';

export function CoinChoice({ picked, onPick, account }: {
  /** Outpoints; none for the wallet's choice. */
  picked: readonly string[];
  onPick: (picked: readonly string[]) => void;
  account: string;
}): JSX.Element | null {
  const { value } = useLight('coins', {});
  const coins = (value ?? []).filter((coin) => !coin.frozen && !coin.immature && (account === '' || coin.account === account));
  if (coins.length === 0) return null;
  const sum = coins.filter(({ outpoint }) => picked.includes(outpoint)).reduce((all, { value: worth }) => all + worth, 0);
  return (
    <details open={picked.length > 0}>
      <summary>
        {t('wallet.coins.choose')}
        {picked.length > 0 ? (
          <>
            {': '}
            {t('wallet.coins.chosen', { n: picked.length })} · <Amount satoshis={sum} />
          </>
        ) : null}
      </summary>
      <ul class="rows pick">
        {coins.map((coin) => (
          <li key={coin.outpoint}>
            <label class="check">
              <input
                type="checkbox"
                checked={picked.includes(coin.outpoint)}
                onChange={(event) =>
                  onPick(
                    event.currentTarget.checked
                      ? [...picked, coin.outpoint]
                      : picked.filter((outpoint) => outpoint !== coin.outpoint),
                  )
                }
              />
              <span class="grow stack tight">
                <span class="row apart">
                  <Amount satoshis={coin.value} />
                  <TrustBadge of={coin} />
                </span>
                {coin.label ? <span class="wrap">{coin.label}</span> : null}
                <span class="small dim">
                  {coin.address ? <Address value={coin.address} /> : <span class="hash">{coin.outpoint}</span>}
                </span>
              </span>
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}

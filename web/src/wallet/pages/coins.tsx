/** The single coins: which there are, which must not be spent. */
import type { JSX } from 'preact';
import { href } from '../../router';
import { t } from '../../text';
import { Address, Amount, Empty, Hash, Icon, Loading } from '../../ui';
import { Frame } from '../parts/frame';
import { LabelEdit } from '../parts/label';
import { TrustBadge } from '../parts/trust';
import { useDoing, useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { changed, current, persist, summary, writes } from '../session';
import type { OwnCoin } from '../worker/protocol';

function CoinLine({ coin }: { coin: OwnCoin }): JSX.Element {
  const doing = useDoing();
  const [txid = ''] = coin.outpoint.split(':');
  const freeze = (): void => {
    doing.run(async () => {
      await current().light.call('freeze', { outpoint: coin.outpoint, frozen: !coin.frozen });
      await persist();
      changed();
    });
  };
  return (
    <div class={coin.frozen ? 'line coin frozen' : 'line coin'}>
      <span class="grow stack tight">
        <span class="row apart">
          <span class="row">
            <Amount satoshis={coin.value} />
            <TrustBadge of={coin} />
          </span>
          <button
            type="button"
            class="button small"
            aria-pressed={coin.frozen}
            disabled={!writes.value || doing.busy}
            onClick={freeze}
          >
            <Icon name="snow" size={16} />
            {coin.frozen ? t('wallet.coins.frozen') : t('wallet.coins.freeze')}
            <span class="hidden-text"> {coin.outpoint}</span>
          </button>
        </span>
        {coin.address ? (
          <span class="small">
            <Address value={coin.address} to={`/address/${coin.address}`} />
          </span>
        ) : null}
        <span class="row apart small">
          <LabelEdit kind="output" of={coin.outpoint} label={coin.label} name={coin.outpoint} />
          <span class="outpoint">
            <Hash value={coin.outpoint} to={`/wallet/tx/${txid}`} />
          </span>
        </span>
        <Wrong error={doing.error} />
      </span>
    </div>
  );
}

function CoinsBody(): JSX.Element {
  const { value, error } = useLight('coins', {});
  if (error) return <Wrong error={error} />;
  if (!value) return <Loading />;
  const sum = value.reduce((all, coin) => all + coin.value, 0);
  const sorted = [...value].sort((a, b) => b.value - a.value);
  return value.length === 0 ? (
    <Empty icon="coins">
      <p>{t('wallet.coins.none')}</p>
      <a href={href('/wallet/receive')}>{t('wallet.history.first')}</a>
    </Empty>
  ) : (
    <div class="stack">
      <p class="dim">
        {t('wallet.coins.count', { n: value.length })} · <Amount satoshis={sum} />
      </p>
      <p class="small dim">{t('wallet.coins.what')}</p>
      <ul class="rows card flush">
        {sorted.slice(0, 500).map((coin) => (
          <li key={coin.outpoint}>
            <CoinLine coin={coin} />
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Coins(): JSX.Element {
  return <Frame title={t('wallet.nav.coins')}>{summary.value ? <CoinsBody /> : <Loading what={t('wallet.opening')} />}</Frame>;
}

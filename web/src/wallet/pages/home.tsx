/** The wallet at a glance: what is there, how sure it is, what happened last. */
import type { JSX } from 'preact';
import { href } from '../../router';
import { t } from '../../text';
import { Amount, Badge, Card, Empty, Icon, Loading } from '../../ui';
import { EntryLine } from '../parts/entry';
import { Frame } from '../parts/frame';
import { Sync } from '../parts/sync';
import { useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { summary, writes } from '../session';
import type { Balance } from '../worker/protocol';

const SHOWN = 6;

function Parts({ balance }: { balance: Balance }): JSX.Element | null {
  const parts = (
    [
      ['wallet.balance.unconfirmed', balance.unconfirmed],
      ['wallet.balance.immature', balance.immature],
      ['wallet.balance.frozen', balance.frozen],
    ] as const
  ).filter(([, value]) => value > 0);
  if (parts.length === 0) return null;
  return (
    <dl class="facts">
      <dt>{t('wallet.balance.spendable')}</dt>
      <dd>
        <Amount satoshis={balance.spendable} />
      </dd>
      {parts.map(([key, value]) => (
        <>
          <dt key={key}>{t(key)}</dt>
          <dd key={`${key}.value`}>
            <Amount satoshis={value} />
          </dd>
        </>
      ))}
    </dl>
  );
}

/** How sure the sum is. */
function Sure({ balance, total }: { balance: Balance; total: number }): JSX.Element | null {
  if (total === 0) return null;
  if (balance.unproven > 0) {
    return (
      <Badge tone="warn" icon="warn">
        {t('wallet.balance.unproven')}
      </Badge>
    );
  }
  if (balance.unconfirmed > 0) {
    return (
      <Badge tone="info" icon="clock">
        {t('wallet.balance.waiting')}
      </Badge>
    );
  }
  return (
    <Badge tone="good" icon="shield">
      {t('wallet.balance.proven')}
    </Badge>
  );
}

function HomeBody(): JSX.Element {
  const said = summary.value;
  const history = useLight('history', {});
  if (!said) return <Loading what={t('wallet.opening')} />;
  const { balance } = said;
  const { total } = balance;
  return (
    <div class="home">
      <section class="card stack balance" aria-label={t('wallet.balance')}>
        <div class="row apart">
          <span class="dim">{t('wallet.balance')}</span>
          <Sure balance={balance} total={total} />
        </div>
        <Amount satoshis={total} large />
        <Parts balance={balance} />
        <div class="row actions">
          <a class="button primary grow" href={href('/wallet/receive')}>
            <Icon name="receive" />
            {t('wallet.nav.receive')}
          </a>
          <a class="button primary grow" href={href('/wallet/send')} {...(writes.value ? {} : { 'aria-disabled': 'true' })}>
            <Icon name="send" />
            {t('wallet.nav.send')}
          </a>
        </div>
        <hr />
        <Sync />
      </section>
      <Card
        title={t('wallet.recent')}
        flush
        {...((history.value?.length ?? 0) > SHOWN ? { aside: <a href={href('/wallet/history')}>{t('wallet.recent.all')}</a> } : {})}
      >
        {history.error ? (
          <div class="inset">
            <Wrong error={history.error} />
          </div>
        ) : !history.value ? (
          <div class="inset">
            <Loading />
          </div>
        ) : history.value.length === 0 ? (
          <Empty icon="receive">
            <p>{t('wallet.history.none')}</p>
            <a href={href('/wallet/receive')}>{t('wallet.history.first')}</a>
          </Empty>
        ) : (
          <ul class="rows">
            {history.value.slice(0, SHOWN).map((entry) => (
              <li key={entry.txid}>
                <EntryLine entry={entry} />
              </li>
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}

export function Home(): JSX.Element {
  return (
    <Frame title={t('wallet.nav.home')}>
      <HomeBody />
    </Frame>
  );
}

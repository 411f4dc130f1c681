/** An address to be paid at. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../../text';
import { Address, Badge, Copy, Field, Icon, Loading, Note, Qr, satoshis } from '../../ui';
import { AccountField } from '../parts/accounts';
import { Frame } from '../parts/frame';
import { asError, useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { changed, current, persist, revision, session, summary, writes } from '../session';
import type { ReceiveAddress } from '../worker/protocol';

/** Whether the keys lead to the address that is shown: the signer derives it anew. */
function useChecked(of: ReceiveAddress | null): boolean | null {
  const [checked, set] = useState<boolean | null>(null);
  const keys = session.value?.signer;
  useEffect(() => {
    set(null);
    if (!of?.path || !keys) return;
    keys.call('address_at', { path: of.path }).then(
      ({ address }) => set(address === of.address),
      () => undefined,
    );
  }, [of?.address, keys]);
  return checked;
}

function ReceiveBody(): JSX.Element {
  const accounts = summary.value?.accounts ?? [];
  const [chosen, choose] = useState('');
  const account = chosen === '' ? (accounts[0]?.id ?? '') : chosen;
  const [shown, show] = useState<ReceiveAddress | null>(null);
  const [error, fail] = useState<Error | null>(null);
  const [amount, setAmount] = useState('');
  const [label, setLabel] = useState('');
  const [uri, setUri] = useState('');
  const doing = useDoing();
  const checked = useChecked(shown);
  const sum = amount.trim() === '' ? undefined : satoshis(amount);
  const now = revision.value;

  useEffect(() => {
    if (account === '') return;
    current()
      .light.call('receive', { account })
      .then(show, (reason: unknown) => fail(asError(reason)));
  }, [account, now]);

  useEffect(() => {
    if (!shown) return;
    const wanted = {
      address: shown.address,
      ...(sum ? { amount: sum } : {}),
      ...(label.trim() === '' ? {} : { label: label.trim() }),
    };
    current()
      .light.call('make_uri', wanted)
      .then(
        (made) => setUri(made.uri),
        () => setUri(shown.uri),
      );
  }, [shown?.address, sum, label]);

  const next = (): void => {
    doing.run(async () => {
      const { light } = current();
      if (shown && label.trim() !== '') await light.call('label', { kind: 'addr', ref: shown.address, label: label.trim() });
      show(await light.call('receive', { account, next: true }));
      setLabel('');
      setAmount('');
      await persist();
      changed();
    });
  };
  const keepLabel = (): void => {
    if (!shown || !writes.peek()) return;
    doing.run(async () => {
      await current().light.call('label', { kind: 'addr', ref: shown.address, label: label.trim() });
      await persist();
      changed();
    });
  };

  if (error) return <Wrong error={error} />;
  if (!shown) return <Loading />;
  return (
    <div class="receive">
      <section class="card stack centre" aria-label={t('wallet.receive.address')}>
        <Qr text={uri === '' ? shown.uri : uri} what={t('wallet.receive.address')} />
        <div class="stack tight centre">
          <Address value={shown.address} large />
          <span class="row centre">
            {checked === true ? (
              <Badge tone="good" icon="shield">
                {t('wallet.receive.checked')}
              </Badge>
            ) : null}
            {shown.used ? <Badge tone="warn">{t('wallet.receive.used')}</Badge> : null}
            {shown.path ? <span class="dim small mono">{shown.path}</span> : null}
          </span>
        </div>
        {checked === false ? (
          <Note tone="bad" urgent>
            <p>{t('wallet.receive.foreign')}</p>
          </Note>
        ) : null}
        <div class="row centre">
          <Copy text={shown.address} label={t('address.label')} words />
          {uri === '' ? null : <Copy text={uri} label={t('wallet.receive.uri')} words />}
        </div>
        <p class="dim small">{t('wallet.receive.compare')}</p>
      </section>
      <section class="card stack" aria-label={t('wallet.receive.options')}>
        <AccountField
          chosen={account}
          onChoose={(id) => {
            if (id !== account) show(null);
            choose(id);
          }}
        />
        <Field label={t('wallet.receive.label')} hint={t('wallet.receive.label.hint')} optional>
          <input
            type="text"
            maxLength={255}
            value={label}
            autocomplete="off"
            onInput={(event) => setLabel(event.currentTarget.value)}
            onChange={keepLabel}
          />
        </Field>
        <Field
          label={t('wallet.receive.amount')}
          fault={sum === null ? t('wallet.amount.bad') : undefined}
          optional
        >
          <input type="text" inputMode="decimal" autocomplete="off" value={amount} onInput={(event) => setAmount(event.currentTarget.value)} />
        </Field>
        <button type="button" class="button" disabled={!writes.value || doing.busy} onClick={next}>
          <Icon name="plus" />
          {t('wallet.receive.next')}
        </button>
        <p class="dim small">{t('wallet.receive.next.hint')}</p>
        <Wrong error={doing.error} />
      </section>
    </div>
  );
}

export function Receive(): JSX.Element {
  return (
    <Frame title={t('wallet.nav.receive')}>
      {summary.value ? <ReceiveBody /> : <Loading what={t('wallet.opening')} />}
    </Frame>
  );
}

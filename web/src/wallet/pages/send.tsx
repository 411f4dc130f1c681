/** Paying: to whom, how much, at what fee; then the last look. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PageProps } from '../../router';
import { t } from '../../text';
import { Address, Amount, Card, Check, coins as asCoins, Field, Icon, Loading, Note, satoshis } from '../../ui';
import { AccountField } from '../parts/accounts';
import { Approve } from '../parts/approve';
import { CoinChoice } from '../parts/coin-choice';
import { FeePicker } from '../parts/fee';
import { Frame } from '../parts/frame';
import { asError, said, useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { ScanButton } from '../scan/scan';
import { current, summary, watches, writes } from '../session';
import type { Draft } from '../worker/protocol';
import { WalletError } from '../worker/remote';

interface Recipient {
  /** For lists: it stays when others go. */
  key: number;
  address: string;
  amount: string;
  fault?: string | undefined;
  amountFault?: string | undefined;
  /** What is to be known about the address. */
  warning?: { message: string; address?: string } | undefined;
  /** It was paid before. */
  known?: string | undefined;
}

const MOST_RECIPIENTS = 100;
/** A payment request is no longer than this. */
const LONGEST_REQUEST = 2000;

let keys = 0;
const empty = (): Recipient => {
  keys += 1;
  return { key: keys, address: '', amount: '' };
};

function SendBody({ start }: { start: string }): JSX.Element {
  const [to, setTo] = useState<Recipient[]>(() => [{ ...empty(), address: start }]);
  const [all, setAll] = useState(false);
  const [label, setLabel] = useState('');
  const [rate, setRate] = useState<number | null>(null);
  const [account, setAccount] = useState('');
  const [picked, pick] = useState<readonly string[]>([]);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [sure, setSure] = useState(false);
  const doing = useDoing();
  const form = useRef<HTMLFormElement>(null);
  /** What was looked at last, for each recipient. */
  const looked = useRef(new Map<number, string>());
  const balance = summary.value?.balance;

  const set = (key: number, what: Partial<Recipient>): void => {
    setTo((before) => before.map((one) => (one.key === key ? { ...one, ...what } : one)));
  };

  /** Reads what was typed or pasted: an address, or a payment request. */
  const read = async (key: number, text: string): Promise<void> => {
    const plain = text.trim();
    // What was looked at already stays as it stands: nothing may move under the finger.
    if (plain === '' || looked.current.get(key) === plain) return;
    looked.current.set(key, plain);
    const { light } = current();
    let address = plain;
    if (plain.includes(':')) {
      try {
        const parsed = await light.call('parse_uri', { text: plain });
        address = parsed.address;
        looked.current.set(key, address);
        set(key, { address, ...(parsed.amount ? { amount: asCoins(parsed.amount) } : {}) });
        const called = parsed.label ?? parsed.message;
        if (called) setLabel((before) => (before === '' ? called : before));
      } catch (error) {
        set(key, { fault: said(asError(error)) });
        return;
      }
    }
    const checked = await light.call('check_address', { address });
    if (looked.current.get(key) !== address) return;
    set(key, {
      fault: checked.valid ? undefined : (checked.error ?? t('wallet.address.bad')),
      // Paying oneself is no danger: it is said, and no more.
      warning: checked.warning && checked.warning.code !== 'own' ? checked.warning : undefined,
      known: checked.mine
        ? t('wallet.address.mine')
        : checked.label
          ? t('wallet.address.label', { label: checked.label })
          : checked.known
            ? t('wallet.address.before')
            : t('wallet.address.first'),
    });
  };

  useEffect(() => {
    const first = to[0];
    if (start !== '' && first) void read(first.key, start);
  }, []);

  const warned = to.some(({ warning }) => warning !== undefined);

  const build = async (): Promise<void> => {
    const { light } = current();
    const wanted: { address: string; amount: number | 'all' }[] = [];
    let bad = false;
    for (const one of to) {
      const address = one.address.trim();
      const checked = await light.call('check_address', { address });
      const amount = all ? 'all' : satoshis(one.amount);
      set(one.key, {
        fault: checked.valid ? undefined : (checked.error ?? t('wallet.address.bad')),
        amountFault: amount === null || amount === 0 ? t('wallet.amount.bad') : undefined,
      });
      if (!checked.valid || amount === null || amount === 0) bad = true;
      else wanted.push({ address, amount });
    }
    if (rate === null) throw new WalletError('fee', t('wallet.fee.bad'));
    if (bad) {
      // What is wrong stands beside the fields by then.
      setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus(), 50);
      return;
    }
    setDraft(
      await light.call('create', {
        to: wanted,
        feerate: rate,
        ...(picked.length > 0 ? { coins: [...picked] } : {}),
        ...(account === '' ? {} : { account }),
      }),
    );
  };

  if (draft) {
    return <Approve psbt={draft.psbt} onBack={() => setDraft(null)} {...(label.trim() === '' ? {} : { label: label.trim() })} />;
  }
  return (
    <form
      ref={form}
      class="stack wide narrow"
      onSubmit={(event) => {
        event.preventDefault();
        doing.run(build);
      }}
    >
      {to.map((one, at) => (
        <Card
          key={one.key}
          {...(to.length > 1 ? { title: t('wallet.send.to.n', { n: at + 1 }) } : {})}
          {...(to.length > 1
            ? {
                aside: (
                  <button type="button" class="button quiet small" onClick={() => setTo(to.filter(({ key }) => key !== one.key))}>
                    {t('wallet.remove')}
                  </button>
                ),
              }
            : {})}
        >
          <Field label={t('wallet.send.to')} hint={t('wallet.send.to.hint')} fault={one.fault}>
            <textarea
              class="mono address-in"
              rows={2}
              value={one.address}
              required
              maxLength={LONGEST_REQUEST}
              spellcheck={false}
              autocomplete="off"
              autocapitalize="none"
              onInput={(event) => {
                const text = event.currentTarget.value.replaceAll(/\s+/g, '');
                const pasted = text.length > one.address.length + 3;
                looked.current.delete(one.key);
                set(one.key, { address: text, fault: undefined, warning: undefined, known: undefined });
                if (pasted) void read(one.key, text);
              }}
              onChange={(event) => void read(one.key, event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter') {
                  event.preventDefault();
                  form.current?.requestSubmit();
                }
              }}
            />
          </Field>
          <div>
            <ScanButton
              small
              title={t('wallet.send.scan')}
              onRead={async (scanned) => {
                const text = 'text' in scanned ? scanned.text.replaceAll(/\s+/g, '') : '';
                if (text === '' || text.length > LONGEST_REQUEST) throw new Error(t('wallet.send.scan.bad'));
                set(one.key, { address: text, fault: undefined, warning: undefined, known: undefined });
                looked.current.delete(one.key);
                await read(one.key, text);
              }}
            />
          </div>
          {one.known ? <p class="small dim">{one.known}</p> : null}
          {one.warning ? (
            <Note tone="bad" urgent>
              <p>
                <strong>{t('wallet.address.warning')}</strong>
              </p>
              <p>{t('wallet.address.alike')}</p>
              {one.warning.address ? (
                <p>
                  {t('wallet.address.alike.known')} <Address value={one.warning.address} />
                </p>
              ) : null}
              <p>
                {t('wallet.address.alike.this')} <Address value={one.address.trim()} />
              </p>
            </Note>
          ) : null}
          {all ? null : (
            <Field label={t('wallet.send.amount')} fault={one.amountFault}>
              <input
                type="text"
                inputMode="decimal"
                autocomplete="off"
                required
                value={one.amount}
                onInput={(event) => set(one.key, { amount: event.currentTarget.value, amountFault: undefined })}
              />
            </Field>
          )}
        </Card>
      ))}
      <div class="row apart">
        {to.length === 1 ? (
          <Check checked={all} onChange={setAll}>
            {t('wallet.send.all')}
          </Check>
        ) : (
          <span />
        )}
        {all || to.length >= MOST_RECIPIENTS ? null : (
          <button type="button" class="button quiet small" onClick={() => setTo([...to, empty()])}>
            <Icon name="plus" size={16} />
            {t('wallet.send.more')}
          </button>
        )}
        {balance ? (
          <span class="dim small">
            {t('wallet.balance.spendable')}: <Amount satoshis={balance.spendable} />
          </span>
        ) : null}
      </div>
      <Card>
        <FeePicker onChoose={setRate} />
      </Card>
      <Card>
        <Field label={t('wallet.send.label')} hint={t('wallet.send.label.hint')} optional>
          <input type="text" maxLength={255} autocomplete="off" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
        </Field>
        <AccountField chosen={account} onChoose={setAccount} all={t('wallet.account.any')} />
        <CoinChoice picked={picked} onPick={pick} account={account} />
      </Card>
      {warned ? (
        <Check checked={sure} onChange={setSure}>
          {t('wallet.address.sure')}
        </Check>
      ) : null}
      <Wrong error={doing.error} />
      <button class="button primary" disabled={doing.busy || !writes.value || (warned && !sure)}>
        {doing.busy ? <span class="spinner" aria-hidden="true" /> : <Icon name="eye" />}
        {watches.value ? t('wallet.send.prepare') : t('wallet.send.review')}
      </button>
    </form>
  );
}

export function Send({ query }: PageProps): JSX.Element {
  return (
    <Frame title={t('wallet.nav.send')}>
      {summary.value ? <SendBody start={query.get('to') ?? ''} /> : <Loading what={t('wallet.opening')} />}
    </Frame>
  );
}

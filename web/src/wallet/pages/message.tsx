/** Messages signed with an address's key, and signatures checked. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../../text';
import { Card, Copy, Field, Icon, Loading, Note, Tabs } from '../../ui';
import { Frame } from '../parts/frame';
import { useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { current, session, signer, summary } from '../session';

type Format = 'bip322' | 'legacy';

function Area({ label, value, onInput, mono = false, hint }: {
  label: string;
  value: string;
  onInput: (text: string) => void;
  mono?: boolean;
  hint?: string;
}): JSX.Element {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      <textarea
        rows={mono ? 2 : 4}
        required
        maxLength={100_000}
        {...(mono ? { class: 'mono', spellcheck: false, autocapitalize: 'none' } : {})}
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Field>
  );
}

function Sign(): JSX.Element {
  const [address, setAddress] = useState('');
  const [message, setMessage] = useState('');
  const [format, setFormat] = useState<Format>('bip322');
  const [signature, setSignature] = useState<string | null>(null);
  const doing = useDoing();
  if (!session.value?.signer) return <p class="dim">{t('wallet.message.nokeys')}</p>;
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        setSignature(null);
        doing.run(async () => {
          const signed = await signer().call('sign_message', { address: address.trim(), message, format });
          setSignature(signed.signature);
        });
      }}
    >
      <Area label={t('wallet.message.address')} hint={t('wallet.message.address.hint')} value={address} onInput={setAddress} mono />
      <Area label={t('wallet.message.text')} value={message} onInput={setMessage} />
      <Field label={t('wallet.message.format')}>
        <select value={format} onChange={(event) => setFormat(event.currentTarget.value as Format)}>
          <option value="bip322">{t('wallet.message.bip322')}</option>
          <option value="legacy">{t('wallet.message.legacy')}</option>
        </select>
      </Field>
      <Note tone="warn">
        <p>{t('wallet.message.warn')}</p>
      </Note>
      <Wrong error={doing.error} />
      <div>
        <button class="button primary" disabled={doing.busy}>
          <Icon name="key" />
          {t('wallet.message.sign')}
        </button>
      </div>
      {signature === null ? null : (
        <Card title={t('wallet.message.signature')} aside={<Copy text={signature} label={t('wallet.message.signature')} />}>
          <p class="mono wrap" role="status">
            {signature}
          </p>
        </Card>
      )}
    </form>
  );
}

function Verify(): JSX.Element {
  const [address, setAddress] = useState('');
  const [message, setMessage] = useState('');
  const [signature, setSignature] = useState('');
  const [valid, setValid] = useState<boolean | null>(null);
  const [why, setWhy] = useState<string | undefined>();
  const doing = useDoing();
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        setValid(null);
        doing.run(async () => {
          const done = await current().light.call('verify_message', {
            address: address.trim(),
            message,
            signature: signature.trim(),
          });
          setValid(done.valid);
          setWhy(done.reason);
        });
      }}
    >
      <Area label={t('wallet.message.address')} value={address} onInput={setAddress} mono />
      <Area label={t('wallet.message.text')} value={message} onInput={setMessage} />
      <Area label={t('wallet.message.signature')} value={signature} onInput={setSignature} mono />
      <Wrong error={doing.error} />
      {valid === null ? null : (
        <Note tone={valid ? 'good' : 'bad'} urgent>
          <p>{valid ? t('wallet.message.valid') : t('wallet.message.invalid')}</p>
          {why ? <p class="small">{why}</p> : null}
        </Note>
      )}
      <div>
        <button class="button primary" disabled={doing.busy}>
          <Icon name="check" />
          {t('wallet.message.verify')}
        </button>
      </div>
    </form>
  );
}

function MessageBody(): JSX.Element {
  const [tab, choose] = useState('sign');
  return (
    <div class="narrow">
      <Tabs
        label={t('wallet.nav.message')}
        tabs={[
          { id: 'sign', label: t('wallet.message.sign') },
          { id: 'verify', label: t('wallet.message.verify') },
        ]}
        chosen={tab}
        onChoose={choose}
      >
        {tab === 'sign' ? <Sign /> : <Verify />}
      </Tabs>
    </div>
  );
}

export function Message(): JSX.Element {
  return (
    <Frame title={t('wallet.message.title')}>{summary.value ? <MessageBody /> : <Loading what={t('wallet.opening')} />}</Frame>
  );
}

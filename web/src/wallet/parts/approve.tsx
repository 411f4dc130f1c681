/** The last look at a transaction: read back by the signer, then signed and sent, or taken away to be signed elsewhere. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Check, Icon, Loading, Note } from '../../ui';
import { changed, current, persist, session, signer } from '../session';
import type { Review } from '../worker/protocol';
import { PsbtOut } from './psbt-out';
import { ReviewView } from './review';
import { asError, useDoing } from './use';
import { Wrong } from './wrong';

/** So long is waited for what the node says to it, in milliseconds. */
const PATIENCE = 20_000;

/** Sends a signed transaction; an error if the node does not take it. */
export async function send(tx: string): Promise<string> {
  const { light } = current();
  const { txid } = await light.call('broadcast', { tx });
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const { sent } = await light.call('summary', {});
    const told = sent.findLast((one) => one.txid === txid);
    if (told?.error !== undefined) throw new Error(t('wallet.sent.refused', { why: told.error }));
    if (told && !told.accepted) throw new Error(t('wallet.sent.unsure'));
    if (told) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await persist();
  changed();
  return txid;
}

export function Approve({ psbt, onBack, done, label }: {
  psbt: string;
  onBack: () => void;
  /** Called with the id of what was sent. */
  done?: (txid: string) => void;
  /** What the transaction is to be called. */
  label?: string;
}): JSX.Element {
  const keys = session.value?.signer;
  const [review, show] = useState<Review | null>(null);
  const [error, fail] = useState<Error | null>(null);
  const [read, setRead] = useState(false);
  const doing = useDoing();
  useEffect(() => {
    show(null);
    fail(null);
    setRead(false);
    if (!keys) return;
    keys.call('review', { psbt }).then(show, (reason: unknown) => fail(asError(reason)));
  }, [psbt, keys]);
  if (!keys) {
    return (
      <div class="card stack">
        <h2>{t('wallet.approve.elsewhere')}</h2>
        <p>{t('wallet.approve.elsewhere.what')}</p>
        <PsbtOut psbt={psbt} />
        <div class="row">
          <button type="button" class="button" onClick={onBack}>
            {t('wallet.back')}
          </button>
        </div>
      </div>
    );
  }
  const grave = (review?.warnings.length ?? 0) > 0;
  const sign = (): void => {
    doing.run(async () => {
      const signed = await signer().call('sign', { psbt });
      if (signed.tx === undefined) throw new Error(t('wallet.approve.incomplete'));
      if (label) await current().light.call('label', { kind: 'tx', ref: signed.txid, label });
      const txid = await send(signed.tx);
      if (done) done(txid);
      else navigate(`/wallet/tx/${txid}`);
    });
  };
  return (
    <div class="card stack">
      <h2>{t('wallet.approve.title')}</h2>
      <p class="dim">{t('wallet.approve.what')}</p>
      {review ? <ReviewView review={review} /> : error ? <Wrong error={error} /> : <Loading />}
      {review && grave ? (
        <Check checked={read} onChange={setRead}>
          {t('wallet.approve.read')}
        </Check>
      ) : null}
      <Wrong error={doing.error} />
      {review ? (
        <div class="row">
          <button type="button" class="button primary" disabled={doing.busy || (grave && !read)} onClick={sign}>
            <Icon name="send" />
            {doing.busy ? t('wallet.approve.busy') : t('wallet.approve.do')}
          </button>
          <button type="button" class="button" disabled={doing.busy} onClick={onBack}>
            {t('wallet.back')}
          </button>
        </div>
      ) : (
        <div>
          <button type="button" class="button" onClick={onBack}>
            {t('wallet.back')}
          </button>
        </div>
      )}
      {review ? (
        <details>
          <summary>{t('wallet.approve.take')}</summary>
          <div class="inset">
            <PsbtOut psbt={psbt} />
          </div>
        </details>
      ) : null}
      {doing.busy ? <Note>{t('wallet.approve.wait')}</Note> : null}
    </div>
  );
}

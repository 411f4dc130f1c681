/** One transaction of the wallet: what it did, where it is, and what can still be done about it. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { href, navigate, type PageProps } from '../../router';
import { number, t } from '../../text';
import { Address, Amount, Badge, Card, Facts, Hash, Icon, Loading, Note, Time } from '../../ui';
import { Approve } from '../parts/approve';
import { entryTitle } from '../parts/entry';
import { FeePicker } from '../parts/fee';
import { Frame } from '../parts/frame';
import { LabelEdit } from '../parts/label';
import { explain, TrustBadge } from '../parts/trust';
import { useDoing, useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { changed, current, persist, summary, writes } from '../session';
import type { HistoryEntry } from '../worker/protocol';

type Way = 'speed_up' | 'cancel';

/** Speeding up or cancelling: the new fee, then the last look. */
function Bump({ entry, way, onEnd }: { entry: HistoryEntry; way: Way; onEnd: () => void }): JSX.Element {
  const [rate, setRate] = useState<number | null>(null);
  const [made, show] = useState<{ psbt: string; child: boolean } | null>(null);
  const doing = useDoing();
  const paid = entry.feerate ?? 0;
  if (made) {
    return (
      <>
        <Note>
          <p>{t(way === 'cancel' ? 'wallet.cancel.what' : made.child ? 'wallet.speed.child' : 'wallet.speed.replaces')}</p>
        </Note>
        <Approve psbt={made.psbt} onBack={() => show(null)} done={(txid) => navigate(`/wallet/tx/${txid}`)} />
      </>
    );
  }
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        doing.run(async () => {
          if (rate === null) throw new Error(t('wallet.fee.bad'));
          const { light } = current();
          const { txid } = entry;
          if (way === 'cancel') {
            show({ psbt: (await light.call('cancel', { txid, feerate: rate })).psbt, child: false });
          } else {
            const draft = await light.call('speed_up', { txid, feerate: rate });
            show({ psbt: draft.psbt, child: draft.method === 'cpfp' });
          }
        });
      }}
    >
      <h2>{t(way === 'cancel' ? 'wallet.cancel.title' : 'wallet.speed.title')}</h2>
      <p>{t(way === 'cancel' ? 'wallet.cancel.how' : 'wallet.speed.how')}</p>
      {paid > 0 ? <p class="dim">{t('wallet.speed.paid', { rate: number(paid, 2) })}</p> : null}
      <FeePicker onChoose={setRate} least={Math.floor(paid * 1000) / 1000} />
      <Wrong error={doing.error} />
      <div class="row">
        <button class="button primary" disabled={doing.busy || rate === null}>
          <Icon name="eye" />
          {t('wallet.send.review')}
        </button>
        <button type="button" class="button" onClick={onEnd}>
          {t('wallet.back')}
        </button>
      </div>
    </form>
  );
}

/** Whether the node took what this wallet sent. */
function Sending({ txid }: { txid: string }): JSX.Element | null {
  const sent = summary.value?.sent?.find((one) => one.txid === txid);
  if (!sent || sent.accepted) return null;
  if (sent.error !== undefined) {
    return (
      <Note tone="bad" urgent>
        <p>{t('wallet.sent.refused', { why: sent.error })}</p>
      </Note>
    );
  }
  return (
    <Note tone="warn">
      <p>{t('wallet.sent.unsure')}</p>
    </Note>
  );
}

/** What was dropped may be sent once more, or forgotten. */
function Again({ txid }: { txid: string }): JSX.Element {
  const doing = useDoing();
  return (
    <div class="stack tight">
      <div class="row">
        <button
          type="button"
          class="button"
          disabled={doing.busy}
          onClick={() =>
            doing.run(async () => {
              await current().light.call('rebroadcast', { txid });
              changed();
            })
          }
        >
          <Icon name="send" />
          {t('wallet.tx.again')}
        </button>
        <button
          type="button"
          class="button"
          disabled={doing.busy}
          onClick={() =>
            doing.run(async () => {
              await current().light.call('forget', { txid });
              await persist();
              changed();
              navigate('/wallet/history');
            })
          }
        >
          <Icon name="trash" />
          {t('wallet.tx.forget')}
        </button>
      </div>
      <Wrong error={doing.error} />
    </div>
  );
}

function TxBody({ txid }: { txid: string }): JSX.Element {
  const history = useLight('history', {});
  const [way, go] = useState<Way | null>(null);
  const entry = history.value?.find((one) => one.txid === txid);
  if (history.error) return <Wrong error={history.error} />;
  if (!history.value) return <Loading />;
  if (!entry) {
    return (
      <>
        <Sending txid={txid} />
        <p>{t('wallet.tx.unknown')}</p>
        <p>
          <Hash value={txid} to={`/tx/${txid}`} whole />
        </p>
      </>
    );
  }
  if (way) return <Bump key={way} entry={entry} way={way} onEnd={() => go(null)} />;
  const mine = t('wallet.tx.mine');
  return (
    <div class="stack wide">
      <Sending txid={txid} />
      <section class="card stack" aria-label={t('wallet.tx')}>
        <div class="row apart">
          <span class="dim">{entryTitle(entry)}</span>
          <TrustBadge of={entry} />
        </div>
        <Amount satoshis={entry.net} signed large />
        <p class="dim">{explain(entry)}</p>
        {entry.replaced_by === null ? null : (
          <p>
            {t('wallet.tx.replaced')} <Hash value={entry.replaced_by} to={`/wallet/tx/${entry.replaced_by}`} />
          </p>
        )}
        {entry.state === 'dropped' && writes.value ? <Again txid={txid} /> : null}
        {writes.value && (entry.can_speed_up || entry.can_cancel) ? (
          <div class="row">
            {entry.can_speed_up ? (
              <button type="button" class="button" onClick={() => go('speed_up')}>
                <Icon name="speed" />
                {t('wallet.speed.title')}
              </button>
            ) : null}
            {entry.can_cancel ? (
              <button type="button" class="button danger" onClick={() => go('cancel')}>
                <Icon name="close" />
                {t('wallet.cancel.title')}
              </button>
            ) : null}
          </div>
        ) : null}
        <Facts
          facts={[
            [t('wallet.label'), <LabelEdit kind="tx" of={txid} label={entry.label} name={t('wallet.tx')} />],
            ...(entry.time ? ([[t('wallet.tx.time'), <Time at={entry.time} exact />]] as const) : []),
            ...(entry.height === null
              ? []
              : ([[t('wallet.tx.block'), <a href={href(`/block/${entry.height}`)}>{number(entry.height)}</a>]] as const)),
            ...(entry.fee === null
              ? []
              : ([
                  [
                    t('wallet.review.fee'),
                    <>
                      <Amount satoshis={entry.fee} />{' '}
                      {entry.feerate === null ? null : (
                        <span class="dim">({t('wallet.fee.satvb', { rate: number(entry.feerate, 2) })})</span>
                      )}
                    </>,
                  ],
                ] as const)),
            [t('wallet.txid'), <Hash value={txid} to={`/tx/${txid}`} whole copy />],
          ]}
        />
      </section>
      <Card title={t('wallet.tx.outputs')}>
        <ul class="outputs">
          {entry.outputs.map((output, at) => (
            <li key={at}>
              <span class="row">
                <Amount satoshis={output.value} />
                {output.mine ? <Badge tone="info">{output.change ? t('wallet.review.change') : mine}</Badge> : null}
              </span>
              {output.address ? (
                <span class="row tight">
                  <Address value={output.address} copy />
                </span>
              ) : (
                <span class="dim">{t('wallet.tx.noaddress')}</span>
              )}
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

export function WalletTx({ params }: PageProps): JSX.Element {
  return (
    <Frame title={t('wallet.tx')}>
      {summary.value ? <TxBody key={params['txid']} txid={params['txid'] ?? ''} /> : <Loading what={t('wallet.opening')} />}
    </Frame>
  );
}

/** What a PSBT does, as the signer read it from the PSBT itself. */
import type { JSX } from 'preact';
import { number, t } from '../../text';
import { Address, Amount, Badge, Facts, Note } from '../../ui';
import type { Review, Warning } from '../worker/protocol';

/** Warnings in our words where the code is known. */
function warning({ code, message }: Warning): string {
  switch (code) {
    case 'high_fee':
      return t('wallet.warn.high_fee');
    case 'high_feerate':
      return t('wallet.warn.high_feerate');
    case 'address_reuse':
      return t('wallet.warn.address_reuse');
    case 'missing_previous':
      return t('wallet.warn.missing_previous');
    case 'foreign_input':
      return t('wallet.warn.foreign_input');
    case 'nothing_mine':
      return t('wallet.warn.nothing_mine');
    default:
      return message;
  }
}

export function ReviewView({ review }: { review: Review }): JSX.Element {
  const paid = review.outputs.filter(({ kind }) => kind === 'payment');
  const rest = review.outputs.filter(({ kind }) => kind !== 'payment');
  const all = paid.reduce((sum, { value }) => sum + value, 0);
  return (
    <div class="stack review">
      <h3>{t('wallet.review.pays')}</h3>
      {paid.length === 0 ? <p class="dim">{t('wallet.review.nobody')}</p> : null}
      <ul class="outputs">
        {paid.map((output, at) => (
          <li key={at}>
            <Amount satoshis={output.value} large />
            {output.address === null || output.address === undefined ? (
              <span class="hash wrap">{output.script}</span>
            ) : (
              <Address value={output.address} large />
            )}
            {output.mine ? <Badge tone="info">{t('wallet.review.mine')}</Badge> : null}
          </li>
        ))}
      </ul>
      {review.warnings.map((one, at) => (
        <Note tone="warn" key={at}>
          <p>{warning(one)}</p>
        </Note>
      ))}
      <Facts
        facts={[
          [
            t('wallet.review.fee'),
            <>
              <Amount satoshis={review.fee} />{' '}
              <span class="dim">
                ({t('wallet.fee.satvb', { rate: number(review.feerate, 2) })}, {t('wallet.vbytes', { n: review.vsize })})
              </span>
            </>,
          ],
          [t('wallet.review.total'), <Amount satoshis={all + review.fee} />],
          ...(review.net === undefined ? [] : [[t('wallet.review.net'), <Amount satoshis={-review.net} signed />] as const]),
        ]}
      />
      <details>
        <summary>{t('wallet.review.all')}</summary>
        <div class="stack inset">
          <h4>{t('wallet.review.inputs', { n: review.inputs.length })}</h4>
          <ul class="outputs small">
            {review.inputs.map((input) => (
              <li key={input.outpoint}>
                <span class="row">
                  <Amount satoshis={input.value} />
                  {input.mine ? null : <Badge tone="warn">{t('wallet.review.foreign')}</Badge>}
                </span>
                {input.address ? <Address value={input.address} /> : null}
                <span class="hash">{input.outpoint}</span>
              </li>
            ))}
          </ul>
          <h4>{t('wallet.review.rest', { n: rest.length })}</h4>
          <ul class="outputs small">
            {rest.map((output, at) => (
              <li key={at}>
                <span class="row">
                  <Amount satoshis={output.value} />
                  <Badge>{output.kind === 'change' ? t('wallet.review.change') : t('wallet.review.data')}</Badge>
                </span>
                {output.address ? <Address value={output.address} /> : <span class="hash wrap">{output.script}</span>}
              </li>
            ))}
          </ul>
          <p class="small">
            {t('wallet.txid')} <span class="hash wrap">{review.txid}</span>
          </p>
        </div>
      </details>
    </div>
  );
}

/** A transaction as a picture: inputs on the left flow into outputs and the fee on the right. */
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Outspend, Output, Tx } from '../node/esplora';
import { href } from '../router';
import { number, t } from '../text';
import { Amount, Hash } from '../ui';
import { Flow } from '../ui/charts';

/** The height of a row in the picture's units, which are CSS pixels. */
const ROW = 64;
/** Rows on a side before the rest is put into one. */
const MOST = 10;

interface Row {
  key: string;
  value: number;
  tone: string;
  content: ComponentChildren;
}

/** Whom an output pays, as short as it can be said. */
export function Whom({ output }: { output: Output }): JSX.Element {
  const address = output.scriptpubkey_address;
  if (address !== undefined) return <Hash value={address} to={`/address/${address}`} />;
  if (output.scriptpubkey_type === 'op_return') return <span class="dim">{t('tx.data')}</span>;
  return <span class="dim">{t('tx.script')}</span>;
}

function inputRows(tx: Tx): Row[] {
  const created = tx.vout.reduce((sum, output) => sum + output.value, 0);
  return tx.vin.map((input, at) => {
    if (input.is_coinbase) {
      return {
        key: 'coinbase',
        value: created,
        tone: 'flow-new',
        content: (
          <>
            <span>{t('tx.newcoins')}</span>
            <Amount satoshis={created} bare />
          </>
        ),
      };
    }
    return {
      key: `${input.txid}:${input.vout}`,
      value: input.prevout?.value ?? 0,
      tone: 'flow-in',
      content: (
        <>
          {input.prevout ? <Whom output={input.prevout} /> : <span class="dim">{t('tx.unknowninput')}</span>}
          <span class="flow-second">
            {input.prevout ? <Amount satoshis={input.prevout.value} bare /> : null}
            <a class="small" href={href(`/tx/${input.txid}`)} aria-label={t('tx.from', { n: at })}>
              {t('tx.from.short')}
            </a>
          </span>
        </>
      ),
    };
  });
}

function outputRows(tx: Tx, spends: readonly Outspend[] | undefined): Row[] {
  const rows = tx.vout.map((output, at): Row => {
    const spend = spends?.[at];
    return {
      key: `out${at}`,
      value: output.value,
      tone: output.scriptpubkey_type === 'op_return' ? 'flow-data' : 'flow-out',
      content: (
        <>
          <Whom output={output} />
          <span class="flow-second">
            <Amount satoshis={output.value} bare />
            {spend?.spent && spend.txid !== undefined ? (
              <a class="small" href={href(`/tx/${spend.txid}`)} aria-label={t('tx.spentby', { n: at })}>
                {t('tx.spent')}
              </a>
            ) : spend && output.value > 0 ? (
              <span class="small dim">{t('tx.unspent')}</span>
            ) : null}
          </span>
        </>
      ),
    };
  });
  if (!tx.vin[0]?.is_coinbase) {
    rows.push({
      key: 'fee',
      value: tx.fee,
      tone: 'flow-fee',
      content: (
        <>
          <span>{t('column.fee')}</span>
          <Amount satoshis={tx.fee} bare />
        </>
      ),
    });
  }
  return rows;
}

/** The rows that there is room for; what is left of them is one row. The last (the fee) always stays. */
function fold(rows: Row[], all: boolean): Row[] {
  if (all || rows.length <= MOST) return rows;
  const last = rows.slice(-1);
  const hidden = rows.slice(MOST - 2, -1);
  return [
    ...rows.slice(0, MOST - 2),
    {
      key: 'rest',
      value: hidden.reduce((sum, row) => sum + row.value, 0),
      tone: 'flow-rest',
      content: (
        <>
          <span class="dim">{t('tx.more', { n: hidden.length })}</span>
          <Amount satoshis={hidden.reduce((sum, row) => sum + row.value, 0)} bare />
        </>
      ),
    },
    ...last,
  ];
}

function Side({ label, rows, side }: { label: string; rows: readonly Row[]; side: 'left' | 'right' }): JSX.Element {
  return (
    <ol class={`flow-side ${side}`} aria-label={label}>
      {rows.map((row) => (
        <li key={row.key} class={`flow-row ${row.tone}-mark`}>
          {row.content}
        </li>
      ))}
    </ol>
  );
}

export function TxFlow({ tx, spends }: { tx: Tx; spends: readonly Outspend[] | undefined }): JSX.Element {
  const [all, setAll] = useState(false);
  const [wholeLeft, wholeRight] = [inputRows(tx), outputRows(tx, spends)];
  const [left, right] = [fold(wholeLeft, all), fold(wholeRight, all)];
  const folded = wholeLeft.length > MOST || wholeRight.length > MOST;
  return (
    <section class="card" aria-label={t('tx.flow')}>
      <div class="flow-heads">
        <h2>{t('tx.inputs.n', { n: tx.vin.length })}</h2>
        <h2>{t('tx.outputs.n', { n: tx.vout.length })}</h2>
      </div>
      <div class="flow-frame">
        <Side label={t('tx.inputs')} rows={left} side="left" />
        <Flow left={left} right={right} row={ROW} />
        <Side label={t('tx.outputs')} rows={right} side="right" />
      </div>
      {folded ? (
        <div>
          <button type="button" class="button small" aria-expanded={all ? 'true' : 'false'} onClick={() => setAll(!all)}>
            {all ? t('tx.fewer') : t('tx.all', { rows: number(wholeLeft.length + wholeRight.length) })}
          </button>
        </div>
      ) : null}
    </section>
  );
}

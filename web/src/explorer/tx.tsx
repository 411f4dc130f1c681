/** A transaction: where its coins come from and go to, what it pays, how deep it is in the chain, and its scripts. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Input, type Outspend, outspends, type Output, type Tx, tx as askTx, txHex } from '../node/esplora';
import { useLoad } from '../node/load';
import { tip } from '../node/tip';
import { href, type PageProps } from '../router';
import { moment, number, t } from '../text';
import { Address, Amount, Badge, Card, Copy, Empty, Facts, Fault, Hash, Loading, PageHead, Time } from '../ui';
import { bytes, ends, feerateWords, hex32, virtualSize } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { Show } from './parts';
import { poolChanges, watchPool } from './pool';
import { whyNot } from './search';
import { TxFlow } from './tx-flow';

/** Sequence numbers below this say that the transaction may be replaced (BIP125). */
const REPLACEABLE_BELOW = 0xffff_fffe;
/** Lock times below this are heights, others are moments. */
const LOCK_IS_TIME = 500_000_000;
/** Inputs and outputs listed in full before a button is to be pressed. */
const LISTED = 20;

interface Known {
  tx: Tx;
  spends: Outspend[] | undefined;
}

async function load(txid: string, signal: AbortSignal): Promise<Known> {
  const tx = await askTx(txid, { signal });
  // Without the index that knows them the page is still worth showing.
  const spends = await outspends(txid, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  return { tx, spends };
}

const KINDS = {
  p2pk: 'script.p2pk',
  p2pkh: 'script.p2pkh',
  p2sh: 'script.p2sh',
  v0_p2wpkh: 'script.p2wpkh',
  v0_p2wsh: 'script.p2wsh',
  v1_p2tr: 'script.p2tr',
  op_return: 'script.data',
  multisig: 'script.multisig',
  anchor: 'script.anchor',
  provably_unspendable: 'script.unspendable',
} as const;

function kindOf(output: Output): string {
  const type = output.scriptpubkey_type ?? '';
  return type in KINDS ? t(KINDS[type as keyof typeof KINDS]) : t('script.other');
}

/** The readable text of an OP_RETURN output; null if it is none. */
function dataText(output: Output): string | null {
  if (output.scriptpubkey_type !== 'op_return') return null;
  const pushed = /OP_PUSHBYTES_\d+ ([0-9a-f]+)|OP_PUSHDATA\d ([0-9a-f]+)|OP_RETURN ([0-9a-f]+)/.exec(output.scriptpubkey_asm ?? '');
  const hex = pushed?.[1] ?? pushed?.[2] ?? pushed?.[3];
  if (hex === undefined) return null;
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /^[^\p{Cc}\p{Cf}\p{Co}\p{Cn}]+$/u.test(text) ? text : null;
  } catch {
    return null;
  }
}

/** A script in whole. `of` says whose it is, as a page has many. */
function Script({ name, of, value }: { name: string; of: string; value: string | undefined }): JSX.Element | null {
  if (!value) return null;
  const label = t('script.of', { part: of, script: name });
  return (
    <div class="script">
      <h3>
        {name} <Copy text={value} label={label} />
      </h3>
      <pre tabIndex={0} role="region" aria-label={label}>
        {value}
      </pre>
    </div>
  );
}

/** An input with the scripts that its spending reveals. */
type Revealing = Input & { inner_redeemscript_asm?: string; inner_witnessscript_asm?: string };

function InputDetails({ input, at }: { input: Revealing; at: number }): JSX.Element {
  const prevout = input.prevout;
  const name = t('tx.input.at', { at: number(at) });
  const facts: [string, ComponentChildren][] = [];
  if (!input.is_coinbase) facts.push([t('tx.spends'), <Hash value={`${input.txid}:${input.vout}`} to={`/tx/${input.txid}`} whole />]);
  if (prevout?.scriptpubkey_address !== undefined) {
    facts.push([t('address.label'), <Address value={prevout.scriptpubkey_address} to={`/address/${prevout.scriptpubkey_address}`} />]);
  }
  if (prevout) facts.push([t('column.amount'), <Amount satoshis={prevout.value} />], [t('script.kind'), kindOf(prevout)]);
  facts.push([t('tx.sequence'), <code>{hex32(input.sequence)}</code>]);
  return (
    <details class="part">
      <summary>
        {name} · {input.is_coinbase ? t('tx.coinbase') : prevout ? <Amount satoshis={prevout.value} /> : null}
      </summary>
      <Facts facts={facts} />
      <Script of={name} name={t('script.asm')} value={prevout?.scriptpubkey_asm} />
      <Script of={name} name={t('script.sig')} value={input.scriptsig_asm || input.scriptsig} />
      <Script of={name} name={t('script.redeem')} value={input.inner_redeemscript_asm} />
      <Script of={name} name={t('script.inwitness')} value={input.inner_witnessscript_asm} />
      {input.witness && input.witness.length > 0 ? (
        <div class="script">
          <h3>{t('script.witness', { n: input.witness.length })}</h3>
          <ol start={0}>
            {input.witness.map((item, index) => (
              <li key={index}>
                <code class="wrap">{item === '' ? t('script.empty') : item}</code>
              </li>
            ))}
          </ol>
        </div>
      ) : null}
    </details>
  );
}

function OutputDetails({ output, at, spend }: { output: Output; at: number; spend: Outspend | undefined }): JSX.Element {
  const name = t('tx.output.at', { at: number(at) });
  const facts: [string, ComponentChildren][] = [];
  if (output.scriptpubkey_address !== undefined) {
    facts.push([t('address.label'), <Address value={output.scriptpubkey_address} to={`/address/${output.scriptpubkey_address}`} copy />]);
  }
  const data = dataText(output);
  if (data !== null) facts.push([t('tx.datatext'), <span class="tag">{data}</span>]);
  facts.push([t('column.amount'), <Amount satoshis={output.value} />], [t('script.kind'), kindOf(output)]);
  if (spend?.spent && spend.txid !== undefined) {
    facts.push([t('tx.spentin'), <Hash value={spend.txid} to={`/tx/${spend.txid}`} whole />]);
  }
  return (
    <details class="part">
      <summary>
        {name} · <Amount satoshis={output.value} />
      </summary>
      <Facts facts={facts} />
      <Script of={name} name={t('script.asm')} value={output.scriptpubkey_asm} />
      <Script of={name} name={t('script.hex')} value={output.scriptpubkey} />
    </details>
  );
}

/** All inputs or outputs with their scripts; the first ones where there are many. */
function Parts<T>({ title, items, children }: {
  title: string;
  items: readonly T[];
  children: (item: T, at: number) => JSX.Element;
}): JSX.Element {
  const [all, setAll] = useState(false);
  const shown = all ? items : items.slice(0, LISTED);
  return (
    <Card title={title}>
      <div class="parts">{shown.map((item, at) => children(item, at))}</div>
      {shown.length < items.length ? (
        <div>
          <button type="button" class="button small" onClick={() => setAll(true)}>
            {t('tx.all', { rows: number(items.length) })}
          </button>
        </div>
      ) : null}
    </Card>
  );
}

function Raw({ txid }: { txid: string }): JSX.Element {
  const [wanted, setWanted] = useState(false);
  return (
    <Card title={t('tx.raw')}>
      {wanted ? (
        <RawHex txid={txid} />
      ) : (
        <div>
          <button type="button" class="button" onClick={() => setWanted(true)}>
            {t('tx.raw.show')}
          </button>
        </div>
      )}
    </Card>
  );
}

function RawHex({ txid }: { txid: string }): JSX.Element {
  const loaded = useLoad((signal) => txHex(txid, { signal }), [txid]);
  if (loaded.value !== undefined) {
    return (
      <>
        <pre class="raw" tabIndex={0} role="region" aria-label={t('tx.raw')}>
          {loaded.value}
        </pre>
        <div>
          <Copy text={loaded.value} label={t('tx.raw')} words />
        </div>
      </>
    );
  }
  return loaded.state === 'failed' ? <Fault error={loaded.error} again={loaded.again} /> : <Loading />;
}

/** How deep the transaction is in the chain, if it is. */
function State({ tx }: { tx: Tx }): JSX.Element {
  const height = tx.status.block_height;
  if (!tx.status.confirmed || height === undefined) {
    return (
      <Badge tone="warn" icon="clock">
        {t('tx.unconfirmed')}
      </Badge>
    );
  }
  const best = Math.max(tip.value?.height ?? 0, height);
  return (
    <Badge tone="good" icon="check">
      {t('confirmations', { n: best - height + 1 })}
    </Badge>
  );
}

/** What the lock time says. */
function lockWords(tx: Tx): string {
  if (tx.locktime === 0) return t('tx.lock.none');
  return tx.locktime < LOCK_IS_TIME
    ? t('tx.lock.height', { height: number(tx.locktime) })
    : t('tx.lock.time', { time: moment(tx.locktime) });
}

function TxView({ known: { tx, spends } }: { known: Known }): JSX.Element {
  const coinbase = tx.vin[0]?.is_coinbase ?? false;
  const replaceable = !coinbase && tx.vin.some((input) => input.sequence < REPLACEABLE_BELOW);
  const segwit = tx.vin.some((input) => (input.witness?.length ?? 0) > 0);
  const taproot = [...tx.vin.map((input) => input.prevout), ...tx.vout].some((output) => output?.scriptpubkey_type === 'v1_p2tr');
  const out = tx.vout.reduce((sum, output) => sum + output.value, 0);
  const { block_hash: hash, block_height: height, block_time: time } = tx.status;
  const facts: [string, ComponentChildren][] = [];
  if (hash !== undefined && height !== undefined) {
    facts.push([t('tx.block'), <a href={href(`/block/${hash}`)}>{number(height)}</a>]);
  }
  if (time !== undefined) {
    facts.push([
      t('block.time'),
      <>
        {moment(time)} <span class="dim">(<Time at={time} />)</span>
      </>,
    ]);
  }
  if (!coinbase) {
    facts.push([t('column.fee'), <Amount satoshis={tx.fee} />], [t('tx.feerate'), feerateWords(tx.fee / virtualSize(tx.weight))]);
  }
  facts.push(
    [t('column.paid'), <Amount satoshis={out} />],
    [t('tx.vsize'), `${number(virtualSize(tx.weight))} ${t('unit.vbytes')} (${bytes(tx.size)})`],
    [t('column.weight'), number(tx.weight)],
    [t('block.version'), number(tx.version)],
    [t('tx.lock'), lockWords(tx)],
  );
  return (
    <>
      <p class="row">
        <State tx={tx} />
        {coinbase ? <Badge>{t('tx.coinbase')}</Badge> : null}
        {replaceable ? <Badge tone={tx.status.confirmed ? 'plain' : 'info'}>{t('tx.replaceable')}</Badge> : null}
        {segwit ? <Badge>{t('tx.segwit')}</Badge> : null}
        {taproot ? <Badge>{t('tx.taproot')}</Badge> : null}
      </p>
      <TxFlow tx={tx} spends={spends} />
      <div class="halves">
        <div class="stack">
          <Card title={t('tx.facts')}>
            <Facts facts={facts} />
          </Card>
          <Raw txid={tx.txid} />
        </div>
        <div class="stack">
          <Parts title={t('tx.inputs')} items={tx.vin}>
            {(input, at) => <InputDetails key={at} input={input} at={at} />}
          </Parts>
          <Parts title={t('tx.outputs')} items={tx.vout}>
            {(output, at) => <OutputDetails key={at} output={output} at={at} spend={spends?.[at]} />}
          </Parts>
        </div>
      </div>
    </>
  );
}

export function TxPage({ params }: PageProps): JSX.Element {
  const txid = (params['txid'] ?? '').toLowerCase();
  // Anything else is not asked for: it would be part of a path.
  if (/^[0-9a-f]{64}$/.test(txid)) return <TxById txid={txid} />;
  return (
    <ExplorerFrame at="/">
      <PageHead title={t('tx.title', { txid: ends(txid) })} />
      <Empty icon="search">{whyNot(txid)}</Empty>
    </ExplorerFrame>
  );
}

function TxById({ txid }: { txid: string }): JSX.Element {
  const [settled, setSettled] = useState(false);
  // The mempool is followed only for as long as the transaction is in it.
  useEffect(() => (settled ? undefined : watchPool()), [settled]);
  const loaded = useLoad((signal) => load(txid, signal), [txid, chainKey(), settled ? 0 : poolChanges.value]);
  const confirmed = loaded.value?.tx.status.confirmed ?? false;
  useEffect(() => setSettled(confirmed), [confirmed]);
  return (
    <ExplorerFrame at="/">
      <div class="stack tight">
        <PageHead title={t('tx.title', { txid: ends(txid) })} />
        <p>
          <Hash value={txid} whole copy />
        </p>
      </div>
      <Show of={loaded} missing={t('tx.missing')}>
        {(known) => <TxView known={known} />}
      </Show>
    </ExplorerFrame>
  );
}

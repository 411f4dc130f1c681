/** A block: what it is, what is in it, who mined it, and its neighbours. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Block, block as askBlock, blockHash, blockTxs, type Tx } from '../node/esplora';
import { useLoad } from '../node/load';
import { tip } from '../node/tip';
import { href, type PageProps } from '../router';
import { moment, number, span, t } from '../text';
import { Address, Amount, Badge, Card, Empty, Facts, Hash, Icon, PageHead, Time } from '../ui';
import { FeeLegend, Gauge, Picture, Treemap } from '../ui/charts';
import { type BlockStatus, blockStatus, type ChainBlock, stretch } from './api';
import { amountWords, bytes, difficulty, ends, feerate, feerateWords, hex32, NONE, percent, printable, virtualBytes, virtualSize } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { Pager, right, Show, Table } from './parts';
import { whyNot } from './search';
import { MAX_WEIGHT } from './strip';

/** Transactions on a page of Esplora's. */
const PAGE = 25;
/** The picture shows so many at most: each page of them is a request. */
const PICTURED = 16 * PAGE;

interface Known {
  block: Block;
  status: BlockStatus;
}

/** A block by its hash or its height. */
async function load(id: string, signal: AbortSignal): Promise<Known> {
  const hash = /^\d{1,9}$/.test(id) ? await blockHash(Number(id), { signal }) : id;
  const [block, status] = await Promise.all([askBlock(hash, { signal }), blockStatus(hash, { signal })]);
  return { block, status };
}

/** The first transactions of a block, for the picture. */
async function loadPicture(block: Block, signal: AbortSignal): Promise<Tx[]> {
  const starts: number[] = [];
  for (let start = 0; start < Math.min(block.tx_count, PICTURED); start += PAGE) starts.push(start);
  const pages = await Promise.all(starts.map((start) => blockTxs(block.id, start, { signal })));
  return pages.flat();
}

/** Satoshis per virtual byte; null for the coinbase. */
function rateOf(tx: Tx): number | null {
  return tx.vin[0]?.is_coinbase ? null : tx.fee / virtualSize(tx.weight);
}

function paid(tx: Tx): number {
  return tx.vout.reduce((sum, output) => sum + output.value, 0);
}

function WeightPicture({ block, txs }: { block: Block; txs: readonly Tx[] }): JSX.Element {
  const hidden = block.tx_count - txs.length;
  const part = block.weight / MAX_WEIGHT;
  return (
    <Picture
      title={t('block.picture')}
      summary={`${t('block.picture.summary', { part: percent(part, 2) })}${hidden > 0 ? ` ${t('block.picture.hidden', { n: hidden })}` : ''}`}
      legend={<FeeLegend />}
      table={() => ({
        head: [t('tx.name'), t('column.feerate'), t('column.weight'), t('column.fee')],
        rows: [...txs]
          .sort((a, b) => b.weight - a.weight)
          .map((tx) => {
            const rate = rateOf(tx);
            return [
              <Hash value={tx.txid} to={`/tx/${tx.txid}`} />,
              rate === null ? NONE : feerate(rate),
              number(tx.weight),
              rate === null ? NONE : <Amount satoshis={tx.fee} bare />,
            ];
          }),
      })}
    >
      <Gauge part={part} tone="tone-1" />
      <Treemap
        label={t('block.picture')}
        height={360}
        tiles={txs.map((tx) => {
          const rate = rateOf(tx);
          const size = virtualBytes(virtualSize(tx.weight));
          return {
            id: tx.txid,
            weight: tx.weight,
            feerate: rate,
            href: href(`/tx/${tx.txid}`),
            label:
              rate === null
                ? t('block.picture.coinbase', { size })
                : t('mempool.tile', { txid: ends(tx.txid), rate: feerate(rate), size, fee: amountWords(tx.fee) }),
          };
        })}
      />
    </Picture>
  );
}

function Transactions({ block }: { block: Block }): JSX.Element {
  const [page, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(block.tx_count / PAGE));
  const loaded = useLoad((signal) => blockTxs(block.id, page * PAGE, { signal }), [block.id, page]);
  return (
    <Card flush title={t('block.transactions', { n: block.tx_count })}>
      <Show of={loaded}>
        {(txs) => (
          <Table
            label={t('column.transactions')}
            head={[
              right(t('column.position')),
              t('tx.name'),
              right(t('tx.inputs')),
              right(t('tx.outputs')),
              right(t('column.paid')),
              right(t('column.feerate')),
              right(t('column.fee')),
            ]}
          >
            {txs.map((tx, at) => {
              const rate = rateOf(tx);
              return (
                <tr key={tx.txid}>
                  <td class="right dim">{number(page * PAGE + at)}</td>
                  <th scope="row" class="cell-id">
                    <Hash value={tx.txid} to={`/tx/${tx.txid}`} />
                  </th>
                  <td class="right">{rate === null ? <Badge>{t('tx.coinbase')}</Badge> : number(tx.vin.length)}</td>
                  <td class="right">{number(tx.vout.length)}</td>
                  <td class="right">
                    <Amount satoshis={paid(tx)} bare />
                  </td>
                  <td class="right">{rate === null ? NONE : feerate(rate)}</td>
                  <td class="right">{rate === null ? NONE : <Amount satoshis={tx.fee} bare />}</td>
                </tr>
              );
            })}
          </Table>
        )}
      </Show>
      <Pager label={t('column.transactions')} page={page} pages={pages} onPage={setPage} />
    </Card>
  );
}

function Neighbours({ block, next }: { block: Block; next: string | null }): JSX.Element {
  return (
    <nav class="row" aria-label={t('block.neighbours')}>
      {block.previousblockhash ? (
        <a class="button small" rel="prev" href={href(`/block/${block.previousblockhash}`)}>
          <Icon name="left" size={16} />
          <span class="hidden-text">{t('block.before')}</span> {number(block.height - 1)}
        </a>
      ) : (
        <span class="dim small">{t('block.first')}</span>
      )}
      {next ? (
        <a class="button small" rel="next" href={href(`/block/${next}`)}>
          <span class="hidden-text">{t('block.after')}</span> {number(block.height + 1)} <Icon name="right" size={16} />
        </a>
      ) : (
        <span class="dim small">{t('block.last')}</span>
      )}
    </nav>
  );
}

/** Who was paid for the block, and what was written into it. */
function Mined({ coinbase, figures }: { coinbase: Tx; figures: ChainBlock | undefined }): JSX.Element {
  const most = [...coinbase.vout].sort((a, b) => b.value - a.value)[0];
  const address = most?.scriptpubkey_address;
  const tag = printable(coinbase.vin[0]?.scriptsig ?? '') || (figures?.tag ?? '');
  const facts: [string, JSX.Element][] = [
    [t('block.paidto'), address ? <Address value={address} to={`/address/${address}`} /> : <span>{t('miner.unknown')}</span>],
    [t('block.tag'), tag ? <span class="tag">{tag}</span> : <span class="dim">{t('block.notag')}</span>],
    [t('block.reward'), <Amount satoshis={paid(coinbase)} />],
  ];
  if (figures?.fees != null) facts.push([t('block.offees'), <Amount satoshis={figures.fees} />]);
  return <Facts facts={facts} />;
}

function BlockView({ known: { block, status } }: { known: Known }): JSX.Element {
  const picture = useLoad((signal) => loadPicture(block, signal), [block.id]);
  const around = useLoad((signal) => stretch(2, block.height, { signal }), [block.id]);
  const figures = around.value?.blocks.find((other) => other.hash === block.id);
  const best = Math.max(tip.value?.height ?? 0, block.height);
  const confirmations = best - block.height + 1;
  const coinbase = picture.value?.[0];
  const facts: [string, JSX.Element | string][] = [
    [
      t('block.time'),
      <>
        {moment(block.timestamp)} <span class="dim">(<Time at={block.timestamp} />)</span>
      </>,
    ],
    [t('column.transactions'), number(block.tx_count)],
    [t('column.size'), bytes(block.size)],
    [t('column.weight'), `${number(block.weight)} (${percent(block.weight / MAX_WEIGHT, 2)})`],
    [t('key.difficulty'), difficulty(block.difficulty)],
    [t('block.zeros'), number(/^0*/.exec(block.id)?.[0].length ?? 0)],
  ];
  if (figures?.fees != null) facts.push([t('column.fees'), <Amount satoshis={figures.fees} />]);
  if (figures?.fee_rate != null && block.tx_count > 1) facts.push([t('tx.feerate'), feerateWords(figures.fee_rate)]);
  if (figures?.interval != null) {
    const { interval } = figures;
    facts.push([t('block.interval'), interval < 0 ? `−${span(-interval)}` : span(interval)]);
  }
  return (
    <>
      <PageHead title={t('block.title', { height: number(block.height) })}>
        <Neighbours block={block} next={status.next_best ?? null} />
      </PageHead>
      <p class="row">
        {status.in_best_chain ? (
          <Badge tone="good" icon="check">
            {t('confirmations', { n: confirmations })}
          </Badge>
        ) : (
          <Badge tone="bad" icon="warn">
            {t('block.stale')}
          </Badge>
        )}
        <Hash value={block.id} whole copy />
      </p>
      <div class="halves">
        <div class="stack">
          <Card title={t('block.facts')}>
            <Facts facts={facts} />
            <details>
              <summary>{t('block.header')}</summary>
              <Facts
                facts={[
                  [t('block.version'), <code>{hex32(block.version)}</code>],
                  [t('block.bits'), <code>{hex32(block.bits)}</code>],
                  [t('block.nonce'), <code>{hex32(block.nonce)}</code>],
                  [t('block.median'), moment(block.mediantime)],
                  [t('block.merkle'), <Hash value={block.merkle_root} whole />],
                ]}
              />
            </details>
          </Card>
          <Card title={t('block.mined')}>
            <Show of={picture}>{() => (coinbase ? <Mined coinbase={coinbase} figures={figures} /> : null)}</Show>
          </Card>
        </div>
        <Show of={picture}>{(txs) => <WeightPicture block={block} txs={txs} />}</Show>
      </div>
      <Transactions block={block} />
    </>
  );
}

export function BlockPage({ params }: PageProps): JSX.Element {
  const id = (params['id'] ?? '').toLowerCase();
  // Anything else is not asked for: it would be part of a path.
  if (/^(\d{1,9}|[0-9a-f]{64})$/.test(id)) return <BlockById id={id} />;
  return (
    <ExplorerFrame at="/">
      <PageHead title={t('block.title', { height: ends(id) })} />
      <Empty icon="search">{whyNot(id)}</Empty>
    </ExplorerFrame>
  );
}

function BlockById({ id }: { id: string }): JSX.Element {
  // A block's place in the chain changes only when the tip does.
  const loaded = useLoad((signal) => load(id, signal), [id, chainKey()]);
  useEffect(() => {
    const height = loaded.value?.block.height;
    if (height !== undefined) document.title = `${t('block.title', { height: number(height) })} · ${t('app.name')}`;
  }, [loaded.value?.block.height]);
  return (
    <ExplorerFrame at="/">
      {loaded.value ? null : <PageHead title={t('block.title', { height: ends(id) })} />}
      <Show of={loaded} missing={/^\d+$/.test(id) ? whyNot(id) : t('block.missing')}>
        {(known) => <BlockView known={known} />}
      </Show>
    </ExplorerFrame>
  );
}

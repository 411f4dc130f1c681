/** An address: what it holds, what happened to it, and its coins. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { address as askAddress, addressCoins, addressTxs, type AddressTotals, type Coin, type Tx } from '../node/esplora';
import { useLoad } from '../node/load';
import { tip } from '../node/tip';
import type { PageProps } from '../router';
import { number, t } from '../text';
import { Address, Amount, Badge, Card, Empty, Facts, Hash, PageHead, Qr, Tabs, Time } from '../ui';
import { ends, NONE } from './format';
import { ExplorerFrame } from './frame';
import { chainKey } from './live';
import { Height, Pager, right, Show, Table } from './parts';
import { whyNot } from './search';

/** Rows of coins on one page. */
const ROWS = 25;

/** What a transaction changed for an address, in satoshis. */
function change(tx: Tx, address: string): number {
  let sum = 0;
  for (const output of tx.vout) if (output.scriptpubkey_address === address) sum += output.value;
  for (const input of tx.vin) if (input.prevout?.scriptpubkey_address === address) sum -= input.prevout.value;
  return sum;
}

function TxRow({ tx, address }: { tx: Tx; address: string }): JSX.Element {
  const { confirmed, block_height: height, block_hash: hash, block_time: time } = tx.status;
  return (
    <tr>
      <th scope="row" class="cell-id">
        <Hash value={tx.txid} to={`/tx/${tx.txid}`} />
      </th>
      <td class="right">
        <Amount satoshis={change(tx, address)} signed bare />
      </td>
      <td>
        {confirmed && height !== undefined ? (
          <Height height={height} {...(hash === undefined ? {} : { hash })} />
        ) : (
          <Badge tone="warn" icon="clock">
            {t('tx.unconfirmed')}
          </Badge>
        )}
      </td>
      <td class="number">{time === undefined ? NONE : <Time at={time} />}</td>
    </tr>
  );
}

/** A page of the history: the transactions, and from which one the next page starts. */
interface HistoryPage {
  txs: Tx[];
  next: string | null;
}

/** Confirmed transactions on one page of the node's answer. */
const PER_ANSWER = 25;

async function history(address: string, after: string | undefined, signal: AbortSignal): Promise<HistoryPage> {
  const txs = await addressTxs(address, after, { signal });
  const confirmed = txs.filter((tx) => tx.status.confirmed);
  return { txs, next: confirmed.length < PER_ANSWER ? null : (confirmed.at(-1)?.txid ?? null) };
}

function History({ address, total }: { address: string; total: number }): JSX.Element {
  /** After which transaction each page begins: pages are reached one after the other. */
  const [starts, setStarts] = useState<readonly (string | undefined)[]>([undefined]);
  const [page, setPage] = useState(0);
  const start = starts[page];
  // Later pages do not move when a block comes: they begin after a transaction, not at a number.
  const loaded = useLoad((signal) => history(address, start, signal), [address, start, page === 0 ? chainKey() : '']);
  const next = loaded.value?.next ?? null;
  // As many as there are by number, so that the reader knows how far it goes.
  const pages = next === null ? page + 1 : Math.max(page + 2, Math.ceil(total / PER_ANSWER));
  return (
    <>
      <Show of={loaded}>
        {({ txs }) =>
          txs.length === 0 ? (
            <Empty icon="clock">{t('address.nohistory')}</Empty>
          ) : (
            <Table
              label={t('address.history')}
              head={[t('tx.name'), right(t('column.change')), t('column.height'), t('column.age')]}
            >
              {txs.map((tx) => (
                <TxRow key={tx.txid} tx={tx} address={address} />
              ))}
            </Table>
          )
        }
      </Show>
      <Pager
        label={t('address.history')}
        page={page}
        pages={pages}
        onPage={(to) => {
          if (to >= starts.length) {
            if (next === null) return;
            setStarts([...starts, next]);
          }
          setPage(to);
        }}
      />
    </>
  );
}

function Coins({ address }: { address: string }): JSX.Element {
  const loaded = useLoad((signal) => addressCoins(address, { signal }), [address, chainKey()]);
  const [page, setPage] = useState(0);
  return (
    <Show of={loaded}>
      {(coins) => {
        const newest = [...coins].sort((a, b) => (b.status.block_height ?? Infinity) - (a.status.block_height ?? Infinity));
        const pages = Math.max(1, Math.ceil(newest.length / ROWS));
        const at = Math.min(page, pages - 1);
        if (coins.length === 0) return <Empty icon="coins">{t('address.nocoins')}</Empty>;
        return (
          <>
            <Table
              label={t('address.coins')}
              head={[t('column.output'), right(t('column.amount')), t('column.height'), right(t('column.confirmations'))]}
            >
              {newest.slice(at * ROWS, (at + 1) * ROWS).map((coin) => (
                <CoinRow key={`${coin.txid}:${coin.vout}`} coin={coin} />
              ))}
            </Table>
            <Pager label={t('address.coins')} page={at} pages={pages} onPage={setPage} />
          </>
        );
      }}
    </Show>
  );
}

function CoinRow({ coin }: { coin: Coin }): JSX.Element {
  const height = coin.status.block_height;
  const best = tip.value?.height ?? 0;
  return (
    <tr>
      <th scope="row" class="cell-id">
        <Hash value={`${coin.txid}:${coin.vout}`} to={`/tx/${coin.txid}`} />
      </th>
      <td class="right">
        <Amount satoshis={coin.value} bare />
      </td>
      <td>{height === undefined ? t('tx.unconfirmed') : <Height height={height} />}</td>
      <td class="right">{height === undefined ? number(0) : number(Math.max(1, best - height + 1))}</td>
    </tr>
  );
}

function AddressView({ totals }: { totals: AddressTotals }): JSX.Element {
  const [tab, setTab] = useState('history');
  const { address, chain_stats: chain, mempool_stats: waiting } = totals;
  const balance = chain.funded_txo_sum - chain.spent_txo_sum;
  const coming = waiting.funded_txo_sum - waiting.spent_txo_sum;
  const coins = chain.funded_txo_count - chain.spent_txo_count + waiting.funded_txo_count - waiting.spent_txo_count;
  const facts: [string, JSX.Element | string][] = [
    [t('address.received'), <Amount satoshis={chain.funded_txo_sum} />],
    [t('address.sent'), <Amount satoshis={chain.spent_txo_sum} />],
    [t('column.transactions'), number(chain.tx_count + waiting.tx_count)],
    [t('address.coins'), number(coins)],
  ];
  if (waiting.tx_count > 0) facts.unshift([t('address.waiting'), <Amount satoshis={coming} signed />]);
  return (
    <>
      <div class="address-top">
        <Card title={t('address.balance')}>
          <p class="amount-line">
            <Amount satoshis={balance} large />
          </p>
          <Facts facts={facts} />
        </Card>
        <div class="card address-qr">
          <Qr text={address} what={t('address.qr')} />
        </div>
      </div>
      <section class="card">
        <Tabs
          label={t('address.tabs')}
          tabs={[
            { id: 'history', label: t('address.history') },
            { id: 'coins', label: t('address.coins') },
          ]}
          chosen={tab}
          onChoose={setTab}
        >
          {tab === 'history' ? <History address={address} total={chain.tx_count} /> : <Coins address={address} />}
        </Tabs>
      </section>
    </>
  );
}

export function AddressPage({ params }: PageProps): JSX.Element {
  const address = params['address'] ?? '';
  const loaded = useLoad((signal) => askAddress(address, { signal }), [address, chainKey()]);
  const invalid = loaded.state === 'failed' && 'status' in loaded.error && loaded.error.status === 400;
  return (
    <ExplorerFrame at="/">
      <div class="stack tight">
        <PageHead title={t('address.title', { address: ends(address) })} />
        <p>
          <Address value={address} large copy />
        </p>
      </div>
      {invalid && loaded.value === undefined ? (
        <Empty icon="search">{whyNot(address)}</Empty>
      ) : (
        <Show of={loaded} missing={whyNot(address)}>
          {(totals) => <AddressView totals={totals} />}
        </Show>
      )}
    </ExplorerFrame>
  );
}

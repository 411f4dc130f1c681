/** Everything that happened, with a filter. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../../text';
import { coins, Empty, Field, Loading } from '../../ui';
import { AccountField } from '../parts/accounts';
import { EntryLine } from '../parts/entry';
import { fileName, giveFile } from '../parts/file';
import { Frame } from '../parts/frame';
import { useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { session, summary } from '../session';
import type { HistoryEntry } from '../worker/protocol';

const FILTERS = ['all', 'in', 'out', 'waiting', 'unproven', 'void'] as const;
type Filter = (typeof FILTERS)[number];

const isVoid = (entry: HistoryEntry): boolean => entry.state === 'replaced' || entry.state === 'dropped';

function passes(entry: HistoryEntry, filter: Filter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'in':
      return entry.net >= 0 && !isVoid(entry);
    case 'out':
      return entry.net < 0 && !isVoid(entry);
    case 'waiting':
      return entry.state === 'mempool';
    case 'unproven':
      return entry.state === 'reported';
    case 'void':
      return isVoid(entry);
  }
}

function matches(entry: HistoryEntry, words: string): boolean {
  if (words === '') return true;
  const wanted = words.toLowerCase();
  const plain = wanted.replaceAll(/\s+/g, '');
  return (
    (entry.label ?? '').toLowerCase().includes(wanted) ||
    entry.txid.includes(plain) ||
    entry.outputs.some(({ address }) => address?.toLowerCase().includes(plain))
  );
}

/** A field of a CSV file; what a table program would take for a formula is made text. */
function field(text: string): string {
  const plain = /^[=+@\t]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}

function csv(entries: readonly HistoryEntry[]): string {
  const rows = entries.map((entry) =>
    [
      entry.time ? new Date(entry.time * 1000).toISOString() : '',
      entry.state,
      String(entry.height ?? ''),
      coins(entry.net),
      entry.fee === null ? '' : coins(entry.fee),
      field(entry.label ?? ''),
      entry.txid,
    ].join(','),
  );
  return `${['time,state,height,amount,fee,label,txid', ...rows].join('\n')}\n`;
}

/** So many lines at a time: a wallet may have thousands. */
const PAGE = 100;

function HistoryBody(): JSX.Element {
  const [filter, setFilter] = useState<Filter>('all');
  const [words, setWords] = useState('');
  const [account, setAccount] = useState('');
  const [shown, show] = useState(PAGE);
  const { value, error } = useLight('history', account === '' ? {} : { account }, [account]);
  const found = (value ?? []).filter((entry) => passes(entry, filter) && matches(entry, words.trim()));
  return (
    <div class="stack">
      <div class="filters">
        <Field label={t('wallet.history.search')}>
          <input type="search" value={words} autocomplete="off" onInput={(event) => setWords(event.currentTarget.value)} />
        </Field>
        <Field label={t('wallet.history.filter')}>
          <select value={filter} onChange={(event) => setFilter(event.currentTarget.value as Filter)}>
            {FILTERS.map((name) => (
              <option key={name} value={name}>
                {t(`wallet.history.filter.${name}`)}
              </option>
            ))}
          </select>
        </Field>
        <AccountField chosen={account} onChoose={setAccount} all={t('wallet.account.all')} />
      </div>
      <Wrong error={error} />
      {!value ? (
        error ? null : <Loading />
      ) : (
        <section class="card flush" aria-label={t('wallet.nav.history')}>
          {found.length === 0 ? (
            <Empty>
              <p>{value.length === 0 ? t('wallet.history.none') : t('wallet.history.nothing')}</p>
            </Empty>
          ) : (
            <ul class="rows">
              {found.slice(0, shown).map((entry) => (
                <li key={entry.txid}>
                  <EntryLine entry={entry} />
                </li>
              ))}
            </ul>
          )}
        </section>
      )}
      <div class="row apart">
        {found.length > shown ? (
          <button type="button" class="button" onClick={() => show(shown + PAGE)}>
            {t('more')}
          </button>
        ) : (
          <span class="dim small">{t('wallet.history.count', { n: found.length })}</span>
        )}
        {found.length > 0 ? (
          <button
            type="button"
            class="button quiet small"
            onClick={() => giveFile(fileName(session.peek()?.stored.name ?? '', '.csv'), csv(found), 'text/csv')}
          >
            {t('wallet.history.csv')}
          </button>
        ) : null}
      </div>
    </div>
  );
}

export function History(): JSX.Element {
  return (
    <Frame title={t('wallet.nav.history')}>{summary.value ? <HistoryBody /> : <Loading what={t('wallet.opening')} />}</Frame>
  );
}

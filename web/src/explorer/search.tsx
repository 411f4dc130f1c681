/** The search: a height, a hash, an id or an address, and where it leads. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { NodeError } from '../node/client';
import { navigate } from '../router';
import { t } from '../text';
import { Icon } from '../ui';
import { search, type SearchAnswer } from './api';

/** The page of what was found; null if nothing was. */
export function pageOf(found: SearchAnswer): string | null {
  if (found.kind === 'block' && found.hash !== undefined) return `/block/${found.hash}`;
  if (found.kind === 'tx' && found.txid !== undefined) return `/tx/${found.txid}`;
  if (found.kind === 'address' && found.address !== undefined) return `/address/${found.address}`;
  return null;
}

/** Why nothing was found, as far as the text itself tells. */
export function whyNot(query: string): string {
  if (/^\d{1,9}$/.test(query)) return t('search.no.height', { height: query });
  if (/^[0-9a-f]{64}$/i.test(query)) return t('search.no.id');
  if (/^[0-9a-f]{16,}$/i.test(query)) return t('search.no.cut', { n: query.length });
  if (/^[a-z]{2,12}1[a-z0-9]{6,}$/i.test(query) || /^[123mn][1-9A-HJ-NP-Za-km-z]{20,}$/.test(query)) {
    return t('search.no.address');
  }
  return t('search.no.idea');
}

/** Pasted text as it is meant: without spaces and line breaks, of a payment link the address alone. */
export function tidy(text: string): string {
  const bare = text.replace(/\s+/g, '');
  const link = /^[a-z]+:([^?]+)/i.exec(bare);
  return (link?.[1] ?? bare).slice(0, 200);
}

export function SearchBox(): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const running = useRef<AbortController | null>(null);
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState('');
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const query = tidy(field.current?.value ?? '');
    if (query === '') {
      setMessage(t('search.no.text'));
      field.current?.focus();
      return;
    }
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    setBusy(true);
    setMessage('');
    try {
      const page = pageOf(await search(query, { signal: mine.signal }));
      if (page === null) {
        setMessage(whyNot(query));
        field.current?.select();
      } else {
        navigate(page);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      const told = error instanceof NodeError && (error.missing || error.status === 400);
      setMessage(told ? whyNot(query) : error instanceof Error ? error.message : String(error));
    } finally {
      if (running.current === mine) setBusy(false);
    }
  };
  return (
    <form class="search" role="search" noValidate onSubmit={(event) => void submit(event)}>
      <label class="hidden-text" for="search-field">
        {t('search.label')}
      </label>
      <input
        id="search-field"
        ref={field}
        class="input"
        type="text"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="none"
        placeholder={t('search.hint')}
        maxLength={300}
        aria-describedby="search-message"
        aria-invalid={message !== '' ? 'true' : 'false'}
        onInput={() => setMessage('')}
      />
      <button type="submit" class="button primary" aria-busy={busy ? 'true' : 'false'}>
        <Icon name="search" />
        <span class="search-word">{t('search.do')}</span>
      </button>
      <p id="search-message" class="search-message" role="alert">
        {message}
      </p>
    </form>
  );
}

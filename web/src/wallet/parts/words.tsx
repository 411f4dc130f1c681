/**
 * Fields for the words of a wallet. They are the browser's own fields: what is typed is in no state of the page, is read
 * when it is used, and goes with the fields.
 */
import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../../text';
import type { Signer } from '../session';

/** A field that offers the list's words. */
function WordField({ at, label, signer, onPaste, known }: {
  at: number;
  label: string;
  signer: Signer;
  onPaste?: (text: string) => boolean;
  /** Whether to say that a word is none of the list's. */
  known: boolean;
}): JSX.Element {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [offered, offer] = useState<readonly string[]>([]);
  const [chosen, choose] = useState(-1);
  const [wrong, setWrong] = useState(false);
  const asked = useRef(0);
  const look = (): void => {
    const prefix = (input.current?.value ?? '').trim().toLowerCase();
    asked.current += 1;
    const turn = asked.current;
    setWrong(false);
    choose(-1);
    if (prefix === '') {
      offer([]);
      return;
    }
    signer.call('suggest', { prefix }).then(
      ({ words }) => {
        if (turn !== asked.current) return;
        const whole = words[0] === prefix;
        offer(whole && words.length === 1 ? [] : words.slice(0, 6));
      },
      () => offer([]),
    );
  };
  const accept = (word: string): void => {
    if (input.current) input.current.value = word;
    offer([]);
    choose(-1);
    const next = input.current?.closest('.words')?.querySelector<HTMLElement>(`input[data-at="${at + 1}"]`);
    next?.focus();
  };
  const judge = (): void => {
    const word = (input.current?.value ?? '').trim().toLowerCase();
    asked.current += 1;
    offer([]);
    if (!known || word === '') return;
    signer.call('suggest', { prefix: word }).then(
      ({ words }) => setWrong(!words.includes(word)),
      () => undefined,
    );
  };
  return (
    <div class="word">
      <label for={id}>{label}</label>
      <div class="word-in">
        <input
          id={id}
          ref={input}
          data-at={at}
          class="input"
          type="text"
          role="combobox"
          aria-expanded={offered.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          {...(chosen >= 0 ? { 'aria-activedescendant': `${id}-${chosen}` } : {})}
          {...(wrong ? { 'aria-invalid': 'true', 'aria-describedby': `${id}-wrong` } : {})}
          autocomplete="off"
          autocapitalize="none"
          autocorrect="off"
          spellcheck={false}
          maxLength={500}
          onInput={look}
          onBlur={judge}
          onPaste={(event) => {
            if (onPaste?.(event.clipboardData?.getData('text') ?? '')) event.preventDefault();
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown' && offered.length > 0) {
              event.preventDefault();
              choose((chosen + 1) % offered.length);
            } else if (event.key === 'ArrowUp' && offered.length > 0) {
              event.preventDefault();
              choose((chosen + offered.length) % (offered.length + 1) - 1);
            } else if (event.key === 'Enter' && offered.length > 0 && (chosen >= 0 || offered.length === 1)) {
              event.preventDefault();
              accept(offered[Math.max(0, chosen)] ?? '');
            } else if (event.key === ' ') {
              // The next word has its own field.
              event.preventDefault();
              if (offered.length === 1 && offered[0] !== undefined) accept(offered[0]);
              else input.current?.closest('.words')?.querySelector<HTMLElement>(`input[data-at="${at + 1}"]`)?.focus();
            } else if (event.key === 'Escape') offer([]);
          }}
        />
        <ul id={`${id}-list`} class="offers" role="listbox" aria-label={t('wallet.words.offers')} hidden={offered.length === 0}>
          {offered.map((word, index) => (
            <li
              key={word}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === chosen}
              onMouseDown={(event) => {
                event.preventDefault();
                accept(word);
              }}
            >
              {word}
            </li>
          ))}
        </ul>
      </div>
      {wrong ? (
        <span class="fault small" id={`${id}-wrong`} role="alert">
          {t('wallet.words.unknown')}
        </span>
      ) : null}
    </div>
  );
}

/** The words that stand in the fields of a form, in their order. */
export function readWords(form: HTMLElement): string[] {
  return [...form.querySelectorAll<HTMLInputElement>('.words input')].map((input) => input.value.trim().toLowerCase());
}

/** Empties the fields of a form. */
export function clearWords(form: HTMLElement | null): void {
  for (const input of form?.querySelectorAll<HTMLInputElement>('.words input') ?? []) input.value = '';
}

/** As many fields as there are words; a pasted phrase is spread over them. */
export function WordFields({ count, signer, onCount }: {
  count: number;
  signer: Signer;
  /** Called when a phrase of another length was pasted. */
  onCount: (count: number) => void;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const pasted = useRef<string[] | null>(null);
  const fill = (words: readonly string[]): void => {
    for (const input of box.current?.querySelectorAll<HTMLInputElement>('input') ?? []) {
      const word = words[Number(input.dataset['at'])];
      if (word !== undefined) input.value = word;
    }
  };
  useEffect(() => {
    if (pasted.current) fill(pasted.current);
    pasted.current = null;
  }, [count]);
  const paste = (text: string): boolean => {
    const words = text.trim().toLowerCase().split(/\s+/).filter((word) => word !== '');
    if (words.length < 2) return false;
    if (words.length !== count && [12, 15, 18, 21, 24].includes(words.length)) {
      pasted.current = words;
      onCount(words.length);
    } else fill(words.slice(0, count));
    return true;
  };
  return (
    <div class="words" ref={box} role="group" aria-label={t('wallet.words')}>
      {Array.from({ length: count }, (_, at) => (
        <WordField key={at} at={at} label={String(at + 1)} signer={signer} onPaste={paste} known />
      ))}
    </div>
  );
}

/** Some of the words asked back. */
export function AskedWords({ asked, signer }: { asked: readonly number[]; signer: Signer }): JSX.Element {
  return (
    <div class="words asked" role="group" aria-label={t('wallet.backup.check')}>
      {asked.map((position, at) => (
        <WordField key={position} at={at} label={t('wallet.words.number', { n: position + 1 })} signer={signer} known={false} />
      ))}
    </div>
  );
}

/** A label that can be changed where it stands. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../../text';
import { Icon } from '../../ui';
import { changed, current, persist, writes } from '../session';
import { useDoing } from './use';
import { Wrong } from './wrong';

export function LabelEdit({ kind, of, label, name }: {
  kind: 'tx' | 'addr' | 'output';
  /** The id, address or outpoint. */
  of: string;
  label: string | null;
  /** What a screen reader is told that it belongs to. */
  name: string;
}): JSX.Element {
  const [text, edit] = useState<string | null>(null);
  const doing = useDoing();
  const input = useRef<HTMLInputElement>(null);
  const editing = text !== null;
  useEffect(() => {
    if (editing) input.current?.focus();
  }, [editing]);
  if (text === null) {
    return (
      <span class="row">
        {label ? <span class="wrap">{label}</span> : <span class="dim">{t('wallet.label.none')}</span>}
        {writes.value ? (
          <button type="button" class="button quiet small" onClick={() => edit(label ?? '')}>
            <Icon name="label" size={16} />
            {label ? t('wallet.label.change') : t('wallet.label.add')}
            <span class="hidden-text">: {name}</span>
          </button>
        ) : null}
      </span>
    );
  }
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        doing.run(async () => {
          await current().light.call('label', { kind, ref: of, label: text.trim() });
          await persist();
          changed();
          edit(null);
        });
      }}
    >
      <input
        class="input grow"
        type="text"
        aria-label={`${t('wallet.label')}: ${name}`}
        maxLength={255}
        value={text}
        ref={input}
        onInput={(event) => edit(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') edit(null);
        }}
      />
      <button class="button small" disabled={doing.busy}>
        {t('wallet.label.save')}
      </button>
      <button type="button" class="button quiet small" onClick={() => edit(null)}>
        {t('wallet.cancel')}
      </button>
      <Wrong error={doing.error} />
    </form>
  );
}

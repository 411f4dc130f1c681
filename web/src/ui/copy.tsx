/** Copying text. A page that came over plain http on a network has no clipboard: there the text is selected and copied the old way. */
import type { JSX } from 'preact';
import { t } from '../text';
import { Icon } from './icon';
import { toast } from './toast';

/** Whether it worked. */
export async function copyText(text: string): Promise<boolean> {
  if (globalThis.isSecureContext && globalThis.navigator.clipboard) {
    try {
      await globalThis.navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed: the old way may be.
    }
  }
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'hidden-text';
  field.readOnly = true;
  // Inside an open dialog, nothing outside it can be focused.
  const at = document.querySelector('dialog[open]') ?? document.body;
  const before = document.activeElement;
  at.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}

/** A button that copies, and says so. */
export function Copy({ text, label, words = false }: { text: string; label?: string; words?: boolean }): JSX.Element {
  const name = label === undefined ? t('copy.do') : `${t('copy.do')}: ${label}`;
  const copy = (): void => {
    void copyText(text).then((done) => toast(done ? t('copy.done') : t('copy.failed')));
  };
  return words ? (
    <button type="button" class="button" onClick={copy}>
      <Icon name="copy" /> {name}
    </button>
  ) : (
    <button type="button" class="button quiet icon small" aria-label={name} title={name} onClick={copy}>
      <Icon name="copy" size={16} />
    </button>
  );
}

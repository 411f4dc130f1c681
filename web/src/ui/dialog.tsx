/** Dialogs: the browser's own, which keeps the focus inside and gives it back. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../text';
import { Icon } from './icon';

export interface DialogProps {
  title: string;
  open: boolean;
  /** Called for the close button, Escape, and a click beside it. */
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons. */
  foot?: ComponentChildren;
  /** Must be answered: no Escape, no click beside it. */
  stays?: boolean;
}

export function Dialog({ title, open, onClose, children, foot, stays = false }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        if (!stays) onClose();
      }}
      onClose={() => {
        if (open) onClose();
      }}
      onMouseDown={(event) => {
        if (!stays && event.target === element.current) onClose();
      }}
    >
      {open ? (
        <div class="dialog-in">
          <header>
            <h2 id={name}>{title}</h2>
            {stays ? null : (
              <button type="button" class="button quiet icon small" aria-label={t('dialog.close')} onClick={onClose}>
                <Icon name="close" />
              </button>
            )}
          </header>
          <div class="stack">{children}</div>
          {foot ? <footer>{foot}</footer> : null}
        </div>
      ) : null}
    </dialog>
  );
}

/** Small parts: cards, notes, badges, fields, figures. */
import type { ComponentChildren, JSX } from 'preact';
import { cloneElement, type VNode } from 'preact';
import { useId } from 'preact/hooks';
import { t } from '../text';
import { Icon, type IconName } from './icon';

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'info';

const TONE_ICONS: Readonly<Record<Tone, IconName>> = {
  plain: 'info',
  good: 'check',
  warn: 'warn',
  bad: 'warn',
  info: 'info',
};

/** A card with a heading. `flush` lets a table reach the edges. */
export function Card({ title, aside, flush = false, children }: {
  title?: ComponentChildren;
  aside?: ComponentChildren;
  flush?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={flush ? 'card flush' : 'card'}>
      {title !== undefined || aside !== undefined ? (
        <header>
          {title === undefined ? null : <h2>{title}</h2>}
          {aside}
        </header>
      ) : null}
      {children}
    </section>
  );
}

export function Badge({ tone = 'plain', icon, children }: {
  tone?: Tone;
  icon?: IconName;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <span class={`badge ${tone}`}>
      {icon ? <Icon name={icon} size={14} /> : null}
      {children}
    </span>
  );
}

/** Something to be told. `urgent` has a screen reader say it at once. */
export function Note({ tone = 'info', urgent = false, children }: {
  tone?: Tone;
  urgent?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`note ${tone}`} {...(urgent ? { role: 'alert' } : {})}>
      <Icon name={TONE_ICONS[tone]} />
      <div class="stack tight grow">{children}</div>
    </div>
  );
}

/** A field with its label, a hint and what is wrong with it, tied together for screen readers. */
export function Field({ label, hint, fault, optional = false, children }: {
  label: ComponentChildren;
  hint?: ComponentChildren;
  fault?: ComponentChildren;
  optional?: boolean;
  /** One input, select or textarea. */
  children: VNode<Record<string, unknown>>;
}): JSX.Element {
  const id = useId();
  const wrong = fault !== undefined && fault !== null && fault !== '';
  const told = [hint === undefined ? '' : `${id}-hint`, wrong ? `${id}-fault` : ''].filter((name) => name !== '');
  const tied: Record<string, unknown> = { id };
  if (told.length > 0) tied['aria-describedby'] = told.join(' ');
  if (wrong) tied['aria-invalid'] = 'true';
  return (
    <div class="field">
      <label for={id}>
        {label}
        {optional ? <span class="dim small"> ({t('field.optional')})</span> : null}
      </label>
      {cloneElement(children, tied)}
      {hint === undefined ? null : (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {wrong ? (
        <span class="fault" id={`${id}-fault`} role="alert">
          {fault}
        </span>
      ) : null}
    </div>
  );
}

/** A box to tick. */
export function Check({ checked, onChange, children }: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

/** A figure with its name; inside a `<dl>`. */
export function Figure({ name, children }: { name: ComponentChildren; children: ComponentChildren }): JSX.Element {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Names and values below each other. */
export function Facts({ facts }: { facts: readonly (readonly [ComponentChildren, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value], at) => (
        <>
          <dt key={`name${at}`}>{name}</dt>
          <dd key={`value${at}`}>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** While something is on its way. */
export function Loading({ what }: { what?: string }): JSX.Element {
  return (
    <p class="row dim" role="status">
      <span class="spinner" aria-hidden="true" />
      {what ?? t('loading')}
    </p>
  );
}

/** Where there is nothing to show. */
export function Empty({ icon = 'list', children }: { icon?: IconName; children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      {children}
    </div>
  );
}

/** What went wrong, with a button to try again. */
export function Fault({ error, again }: { error: Error; again?: () => void }): JSX.Element {
  return (
    <Note tone="bad" urgent>
      <p>{error.message}</p>
      {again ? (
        <div>
          <button type="button" class="button small" onClick={again}>
            {t('error.again')}
          </button>
        </div>
      ) : null}
    </Note>
  );
}

/** How far something is: 0 to 1, or unknown. */
export function Progress({ part, label }: { part?: number; label: string }): JSX.Element {
  return part === undefined ? (
    <progress class="progress" aria-label={label} />
  ) : (
    <progress class="progress" aria-label={label} max={1} value={part} />
  );
}

/** The page's heading, and what stands beside it. */
export function PageHead({ title, children }: { title: ComponentChildren; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </div>
  );
}

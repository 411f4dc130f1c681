/** Password fields. What is typed is read when it is used, and the field is emptied: it is kept nowhere else. */
import type { JSX, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../../text';
import { Field } from '../../ui';

export type Secret = RefObject<HTMLInputElement | null>;

/** What a field says; the field is empty afterwards. */
export function take(field: Secret): string {
  const input = field.current;
  if (!input) return '';
  const { value } = input;
  input.value = '';
  return value;
}

/** A field for a password that exists. */
export function PasswordField({ field, label, fault, autoFocus = false, hint }: {
  field: Secret;
  label?: string;
  fault?: string | undefined;
  autoFocus?: boolean;
  hint?: string;
}): JSX.Element {
  useEffect(() => {
    // After the app gave the focus to the new page's heading.
    if (autoFocus) setTimeout(() => field.current?.focus(), 0);
  }, []);
  return (
    <Field label={label ?? t('wallet.password')} fault={fault} {...(hint === undefined ? {} : { hint })}>
      <input ref={field} type="password" autocomplete="off" spellcheck={false} autocapitalize="off" required maxLength={1000} />
    </Field>
  );
}

/** Guesses of a password that a good guesser needs, as bits; a hint, not a promise. */
export function strength(password: string): number {
  let pool = 0;
  if (/[a-z]/.test(password)) pool += 26;
  if (/[A-Z]/.test(password)) pool += 26;
  if (/\d/.test(password)) pool += 10;
  if (/[^a-zA-Z\d]/.test(password)) pool += 33;
  if (pool === 0) return 0;
  // A repeated sign, or the next one in a row, is hardly a choice.
  let choices = 0;
  let before = -1;
  let step = 0;
  for (const [at, sign] of [...password].entries()) {
    const code = sign.codePointAt(0) ?? 0;
    const now = code - before;
    const dull = at > 0 && (now === 0 || (Math.abs(now) === 1 && now === step));
    choices += dull ? 0.2 : 1;
    step = now;
    before = code;
  }
  const words = password.toLowerCase().split(/[^a-z]+/).filter((word) => word.length > 2);
  const letters = words.join('').length;
  // Words are chosen as a whole: some thousands of them.
  const asWords = words.length > 0 ? words.length * 12 + (password.length - letters) * Math.log2(Math.max(pool, 10)) : Infinity;
  return Math.min(choices * Math.log2(pool), asWords);
}

const LEVELS = [
  { from: 0, key: 'wallet.password.weak' },
  { from: 35, key: 'wallet.password.fair' },
  { from: 55, key: 'wallet.password.good' },
  { from: 75, key: 'wallet.password.strong' },
] as const;

/** So long at least: the keystore's cost is counted on top. */
export const SHORTEST = 8;

/** Two fields for a new password, with a hint of how good it is. */
export function NewPassword({ first, second, fault }: { first: Secret; second: Secret; fault?: string | undefined }): JSX.Element {
  const [bits, setBits] = useState(-1);
  const level = Math.max(0, LEVELS.findLastIndex(({ from }) => bits >= from));
  const words = bits < 0 ? t('wallet.password.hint') : t(LEVELS[level]?.key ?? 'wallet.password.weak');
  return (
    <>
      <Field label={t('wallet.password.new')} hint={words} fault={fault}>
        <input
          ref={first}
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          minLength={SHORTEST}
          maxLength={1000}
          onInput={(event) => {
            const { value } = event.currentTarget;
            setBits(value === '' ? -1 : strength(value));
          }}
        />
      </Field>
      <meter class={`strength s${bits < 0 ? 0 : level + 1}`} min={0} max={4} value={bits < 0 ? 0 : level + 1} aria-label={t('wallet.password.strength')} />
      <Field label={t('wallet.password.again')}>
        <input ref={second} type="password" autocomplete="off" spellcheck={false} required maxLength={1000} />
      </Field>
    </>
  );
}

/** A new password out of its two fields, or what is wrong with it; the fields keep it until it is taken. */
export function newPassword(first: Secret, second: Secret): { password: string } | { fault: string } {
  const password = first.current?.value ?? '';
  if (password.length < SHORTEST) return { fault: t('wallet.password.short', { n: SHORTEST }) };
  if (password !== second.current?.value) return { fault: t('wallet.password.differ') };
  return { password };
}

/** Two empty fields for a new password. */
export function useNewPassword(): { first: Secret; second: Secret; clear: () => void } {
  const first = useRef<HTMLInputElement>(null);
  const second = useRef<HTMLInputElement>(null);
  return {
    first,
    second,
    clear: () => {
      take(first);
      take(second);
    },
  };
}

/** A wallet from its words. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Field, Icon, Loading, Note, PageHead } from '../../ui';
import { newPassword, NewPassword, type Secret, take, useNewPassword } from '../parts/password';
import { useDoing } from '../parts/use';
import { clearWords, readWords, WordFields } from '../parts/words';
import { Wrong } from '../parts/wrong';
import { createKeys } from '../session';
import { Passphrase, useSigner } from './create';

/** The first moment of a day, `2026-01-31`, in seconds since 1970; 0 if none is given. */
export function dayStart(day: string): number {
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? 0 : Math.max(0, Math.floor(at / 1000) - 86_400);
}

/** When a wallet began: before, nothing is looked for. */
export function Birthday({ field }: { field: Secret }): JSX.Element {
  return (
    <Field label={t('wallet.birthday')} hint={t('wallet.birthday.hint')} optional>
      <input ref={field} type="date" min="2009-01-03" max={new Date().toISOString().slice(0, 10)} />
    </Field>
  );
}

export function Restore(): JSX.Element {
  const { signer, given } = useSigner();
  const [count, setCount] = useState(12);
  const [fault, setFault] = useState<string | undefined>();
  const [wrong, setWrong] = useState<string | null>(null);
  const [older, setOlder] = useState(false);
  const [name, setName] = useState(t('wallet.name.default'));
  const form = useRef<HTMLFormElement>(null);
  const passphrase = useRef<HTMLInputElement>(null);
  const birthday = useRef<HTMLInputElement>(null);
  const passwords = useNewPassword();
  const doing = useDoing();
  if (!signer) return <Loading />;
  const restore = async (): Promise<void> => {
    if (!form.current) return;
    setWrong(null);
    setFault(undefined);
    const words = readWords(form.current);
    const empty = words.findIndex((word) => word === '');
    if (empty >= 0) {
      setWrong(t('wallet.words.missing', { n: empty + 1 }));
      return;
    }
    const mnemonic = words.join(' ');
    const checked = await signer.call('check', { mnemonic });
    if (!checked.valid) {
      const unknown = checked.unknown ?? [];
      setWrong(unknown.length > 0 ? t('wallet.words.unknown.list', { words: unknown.join(', ') }) : t('wallet.words.checksum'));
      return;
    }
    const wanted = newPassword(passwords.first, passwords.second);
    if ('fault' in wanted) {
      setFault(wanted.fault);
      passwords.first.current?.focus();
      return;
    }
    await createKeys(signer, {
      mnemonic,
      passphrase: passphrase.current?.value ?? '',
      password: wanted.password,
      name: name.trim(),
      birthday: dayStart(birthday.current?.value ?? ''),
      backedUp: true,
      older,
    });
    given();
    clearWords(form.current);
    passwords.clear();
    take(passphrase);
    navigate('/wallet');
  };
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.restore')} />
      <form
        ref={form}
        class="card stack"
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(restore);
        }}
      >
        <div class="row">
          <label class="field inline">
            <span class="label">{t('wallet.words.count')}</span>
            <select value={String(count)} onChange={(event) => setCount(Number(event.currentTarget.value))}>
              {[12, 15, 18, 21, 24].map((n) => (
                <option key={n} value={String(n)}>
                  {t('wallet.words.n', { n })}
                </option>
              ))}
            </select>
          </label>
        </div>
        <p class="dim small">{t('wallet.words.hint')}</p>
        <WordFields count={count} signer={signer} onCount={setCount} />
        {wrong === null ? null : (
          <Note tone="bad" urgent>
            <p>{wrong}</p>
          </Note>
        )}
        <label class="check">
          <input type="checkbox" checked={older} onChange={(event) => setOlder(event.currentTarget.checked)} />
          <span>
            {t('wallet.restore.older')} <span class="dim small">{t('wallet.restore.older.hint')}</span>
          </span>
        </label>
        <Field label={t('wallet.name')} hint={t('wallet.name.hint')}>
          <input type="text" value={name} required maxLength={60} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <NewPassword first={passwords.first} second={passwords.second} fault={fault} />
        <details>
          <summary>{t('wallet.advanced')}</summary>
          <div class="stack inset">
            <Passphrase field={passphrase} />
            <Birthday field={birthday} />
          </div>
        </details>
        <Wrong error={doing.error} />
        <button class="button primary" disabled={doing.busy}>
          <Icon name="refresh" />
          {doing.busy ? t('wallet.new.busy') : t('wallet.restore.do')}
        </button>
      </form>
    </div>
  );
}

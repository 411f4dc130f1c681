/** Wallets from elsewhere: an encrypted file, or public keys to watch. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Field, Icon, Note, PageHead } from '../../ui';
import { readText } from '../parts/file';
import { PasswordField, take } from '../parts/password';
import { useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { createWatch, importVault } from '../session';
import { wallets } from '../store';
import type { Vault } from '../worker/protocol';
import { Birthday, dayStart } from './restore';

/** No exported wallet is larger. */
const LONGEST_VAULT = 1024 * 1024;

function vaultOf(text: string): Vault {
  try {
    const read = JSON.parse(text) as unknown;
    if (typeof read === 'object' && read !== null && 'format' in read) return read as Vault;
  } catch {
    // Told below.
  }
  throw new Error(t('wallet.fault.vault'));
}

export function Import(): JSX.Element {
  const file = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const doing = useDoing();
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.import')} />
      <form
        class="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(async () => {
            const vault = vaultOf(await readText(file.current?.files?.[0], LONGEST_VAULT));
            await importVault(vault, take(field), await wallets());
            navigate('/wallet');
          });
        }}
      >
        <p>{t('wallet.import.how')}</p>
        <Field label={t('wallet.import.file')}>
          <input ref={file} type="file" accept=".json,application/json" required />
        </Field>
        <PasswordField field={field} />
        <Wrong error={doing.error} />
        <button class="button primary" disabled={doing.busy}>
          <Icon name="file" />
          {doing.busy ? t('wallet.unlock.busy') : t('wallet.import.do')}
        </button>
      </form>
    </div>
  );
}

export function Watch(): JSX.Element {
  const [name, setName] = useState(t('wallet.watch.name'));
  const [text, setText] = useState('');
  const birthday = useRef<HTMLInputElement>(null);
  const doing = useDoing();
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.watch')} />
      <form
        class="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(async () => {
            if (/\b[a-z]prv[1-9A-HJ-NP-Za-km-z]{20,}/.test(text)) throw new Error(t('wallet.watch.private'));
            await createWatch({ name: name.trim(), descriptor: text.trim(), birthday: dayStart(birthday.current?.value ?? '') });
            navigate('/wallet');
          });
        }}
      >
        <p>{t('wallet.watch.what')}</p>
        <Field label={t('wallet.name')}>
          <input type="text" value={name} required maxLength={60} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label={t('wallet.watch.key')} hint={t('wallet.watch.key.hint')}>
          <textarea
            class="mono"
            rows={5}
            required
            maxLength={10_000}
            value={text}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="none"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </Field>
        <Birthday field={birthday} />
        <Note tone="info">
          <p>{t('wallet.watch.privacy')}</p>
        </Note>
        <Wrong error={doing.error} />
        <button class="button primary" disabled={doing.busy}>
          <Icon name="eye" />
          {t('wallet.watch.do')}
        </button>
      </form>
    </div>
  );
}

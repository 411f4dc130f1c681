/** A new wallet: name and password, the words shown once, some of them asked back. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Check, Field, Icon, Loading, Note, PageHead } from '../../ui';
import { newPassword, NewPassword, type Secret, take, useNewPassword } from '../parts/password';
import { useDoing } from '../parts/use';
import { AskedWords, clearWords, readWords } from '../parts/words';
import { Wrong } from '../parts/wrong';
import { createKeys, newSigner, type Signer } from '../session';

type Step = 'settings' | 'words' | 'check';

/** What was chosen, from the first step to the last. It goes with the page. */
interface Chosen {
  name: string;
  password: string;
  passphrase: string;
  words: string[];
}

/** A signer for as long as a page is open; `given` says that a wallet took it over. */
export function useSigner(): { signer: Signer | null; given: () => void } {
  const [signer, set] = useState<Signer | null>(null);
  const kept = useRef(false);
  useEffect(() => {
    const fresh = newSigner();
    set(fresh);
    return () => {
      if (!kept.current) fresh.end();
    };
  }, []);
  return {
    signer,
    given: () => {
      kept.current = true;
    },
  };
}

const ASKED = 3;

/** Some places among so many, in order; which ones is not to be guessed, but no secret either. */
function somePlaces(count: number): number[] {
  const places = new Set<number>();
  const random = new Uint32Array(1);
  while (places.size < Math.min(ASKED, count)) {
    crypto.getRandomValues(random);
    places.add((random[0] ?? 0) % count);
  }
  return [...places].sort((a, b) => a - b);
}

export function Create(): JSX.Element {
  const { signer, given } = useSigner();
  const [step, go] = useState<Step>('settings');
  const chosen = useRef<Chosen>({ name: '', password: '', passphrase: '', words: [] });
  useEffect(
    () => () => {
      chosen.current = { name: '', password: '', passphrase: '', words: [] };
    },
    [],
  );
  if (!signer) return <Loading />;
  const at = { settings: 1, words: 2, check: 3 }[step];
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.new')}>
        <span class="dim">{t('wallet.step', { at, of: 3 })}</span>
      </PageHead>
      {step === 'settings' ? (
        <SettingsStep
          signer={signer}
          onDone={(made) => {
            chosen.current = made;
            go('words');
          }}
        />
      ) : step === 'words' ? (
        <WordsStep words={chosen.current.words} onDone={() => go('check')} />
      ) : (
        <CheckStep signer={signer} given={given} chosen={chosen.current} onBack={() => go('words')} />
      )}
    </div>
  );
}

function SettingsStep({ signer, onDone }: { signer: Signer; onDone: (chosen: Chosen) => void }): JSX.Element {
  const passwords = useNewPassword();
  const passphrase = useRef<HTMLInputElement>(null);
  const [name, setName] = useState(t('wallet.name.default'));
  const [count, setCount] = useState<12 | 24>(12);
  const [fault, setFault] = useState<string | undefined>();
  const doing = useDoing();
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = newPassword(passwords.first, passwords.second);
        setFault('fault' in wanted ? wanted.fault : undefined);
        if ('fault' in wanted) {
          passwords.first.current?.focus();
          return;
        }
        doing.run(async () => {
          const { mnemonic } = await signer.call('generate', { words: count });
          const extra = take(passphrase);
          passwords.clear();
          onDone({ name: name.trim(), password: wanted.password, passphrase: extra, words: mnemonic.split(' ') });
        });
      }}
    >
      <Field label={t('wallet.name')} hint={t('wallet.name.hint')}>
        <input type="text" value={name} required maxLength={60} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
      </Field>
      <NewPassword first={passwords.first} second={passwords.second} fault={fault} />
      <details>
        <summary>{t('wallet.advanced')}</summary>
        <div class="stack inset">
          <fieldset>
            <legend>{t('wallet.words.count')}</legend>
            {([12, 24] as const).map((n) => (
              <label class="check" key={n}>
                <input type="radio" name="count" checked={count === n} onChange={() => setCount(n)} />
                <span>{t('wallet.words.n', { n })}</span>
              </label>
            ))}
          </fieldset>
          <Passphrase field={passphrase} />
        </div>
      </details>
      <Wrong error={doing.error} />
      <button class="button primary" disabled={doing.busy}>
        {t('wallet.next')}
      </button>
    </form>
  );
}

/** BIP39's passphrase. */
export function Passphrase({ field }: { field: Secret }): JSX.Element {
  return (
    <Field label={t('wallet.passphrase')} hint={t('wallet.passphrase.hint')} optional>
      <input ref={field} type="text" autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={256} />
    </Field>
  );
}

/** The words in their order, to be written down. */
export function WordList({ words }: { words: readonly string[] }): JSX.Element {
  return (
    <ol class="word-list" aria-label={t('wallet.words')} translate={false}>
      {words.map((word, at) => (
        <li key={at}>
          <span class="dim number" aria-hidden="true">
            {at + 1}
          </span>
          <strong>{word}</strong>
        </li>
      ))}
    </ol>
  );
}

function WordsStep({ words, onDone }: { words: readonly string[]; onDone: () => void }): JSX.Element {
  const [sure, setSure] = useState(false);
  return (
    <div class="card stack">
      <p>{t('wallet.backup.write')}</p>
      <WordList words={words} />
      <Note tone="warn">
        <p>{t('wallet.backup.warn')}</p>
      </Note>
      <Check checked={sure} onChange={setSure}>
        {t('wallet.backup.sure')}
      </Check>
      <button type="button" class="button primary" disabled={!sure} onClick={onDone}>
        {t('wallet.next')}
      </button>
    </div>
  );
}

function CheckStep({ signer, given, chosen, onBack }: {
  signer: Signer;
  given: () => void;
  chosen: Chosen;
  onBack: () => void;
}): JSX.Element {
  const [asked] = useState(() => somePlaces(chosen.words.length));
  const [wrong, setWrong] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const doing = useDoing();
  useEffect(() => {
    form.current?.querySelector('input')?.focus();
  }, []);
  const make = (backedUp: boolean): void => {
    doing.run(async () => {
      const { name, password, passphrase, words } = chosen;
      // A new wallet received nothing before now; the clocks of miners may be two hours off.
      const birthday = Math.floor(Date.now() / 1000) - 7200;
      await createKeys(signer, { mnemonic: words.join(' '), passphrase, password, name, birthday, backedUp });
      given();
      clearWords(form.current);
      chosen.words = [];
      chosen.password = '';
      chosen.passphrase = '';
      navigate('/wallet');
    });
  };
  return (
    <form
      ref={form}
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        const said = readWords(event.currentTarget);
        const right = asked.every((position, at) => said[at] === chosen.words[position]);
        setWrong(!right);
        if (right) make(true);
      }}
    >
      <p>{t('wallet.backup.ask')}</p>
      <AskedWords asked={asked} signer={signer} />
      {wrong ? (
        <Note tone="bad" urgent>
          <p>{t('wallet.backup.wrong')}</p>
        </Note>
      ) : null}
      <Wrong error={doing.error} />
      <div class="row">
        <button class="button primary" disabled={doing.busy}>
          <Icon name="check" />
          {doing.busy ? t('wallet.new.busy') : t('wallet.new.do')}
        </button>
        <button type="button" class="button" onClick={onBack}>
          {t('wallet.back.words')}
        </button>
        <button type="button" class="button quiet" disabled={doing.busy} onClick={() => make(false)}>
          {t('wallet.backup.later')}
        </button>
      </div>
    </form>
  );
}

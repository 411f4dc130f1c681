/** What can be set for a wallet, taken out of it, and done with it at the end. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { navigate } from '../../router';
import { t } from '../../text';
import { Card, Check, Copy, Dialog, Field, Icon, Loading, Note, toast } from '../../ui';
import { fileName, giveFile } from '../parts/file';
import { OtherNodes } from '../parts/nodes';
import { Frame } from '../parts/frame';
import { newPassword, NewPassword, PasswordField, take, useNewPassword } from '../parts/password';
import { useDoing, useLight } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { change, changed, configuration, current, lock, persist, session, type Settings, settingsOf, signer, summary, writes } from '../session';
import { removeWallet, type StoredWallet } from '../store';
import { accountName } from '../parts/accounts';
import { WordList } from './create';
import { Birthday, dayStart } from './restore';

const LOCK_MINUTES = [1, 2, 5, 10, 15, 30, 60] as const;
const LARGEST_GAP = 1000;

/** The origin of another node; null if it is none. */
export function origin(text: string): string | null {
  try {
    const url = new URL(text.trim());
    return /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' ? url.origin : null;
  } catch {
    return null;
  }
}

function Ways({ stored }: { stored: StoredWallet }): JSX.Element {
  const before = settingsOf(stored);
  const [name, setName] = useState(stored.name);
  const [mode, setMode] = useState(before.mode);
  const [gap, setGap] = useState(String(before.gap));
  const [nodes, setNodes] = useState(before.nodes.join('\n'));
  const [minutes, setMinutes] = useState(before.lock_minutes);
  const doing = useDoing();
  const wantedGap = /^\d{1,4}$/.test(gap) ? Number(gap) : 0;
  const listed = nodes.split('\n').filter((line) => line.trim() !== '');
  const origins = listed.map(origin);
  const wrongNode = listed[origins.indexOf(null)];
  const wrongGap = wantedGap < 1 || wantedGap > LARGEST_GAP;
  return (
    <Card title={t('wallet.settings.wallet')}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (wrongGap || wrongNode !== undefined) return;
          doing.run(async () => {
            const others = origins.filter((found) => found !== null);
            const settings: Settings = { ...before, mode, gap: wantedGap, nodes: others, lock_minutes: minutes };
            await current().light.call('configure', configuration(settings, false));
            await change((old) => ({ ...old, name: name.trim(), settings: { ...old.settings, ...settings } }));
            await persist();
            toast(t('wallet.settings.saved'));
          });
        }}
      >
        <Field label={t('wallet.name')}>
          <input type="text" value={name} required maxLength={60} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        {stored.kind === 'keys' ? (
          <Field label={t('wallet.settings.lock')} hint={t('wallet.settings.lock.hint')}>
            <select value={String(minutes)} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
              {LOCK_MINUTES.map((n) => (
                <option key={n} value={String(n)}>
                  {t('wallet.minutes', { n })}
                </option>
              ))}
            </select>
          </Field>
        ) : null}
        <fieldset>
          <legend>{t('wallet.settings.mode')}</legend>
          {(['verified', 'filters'] as const).map((way) => (
            <label class="check" key={way}>
              <input type="radio" name="mode" checked={mode === way} onChange={() => setMode(way)} />
              <span class="stack tight">
                <strong>{t(`wallet.mode.${way}`)}</strong>
                <span class="dim small">{t(`wallet.mode.${way}.what`)}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <Field
          label={t('wallet.settings.gap')}
          hint={t('wallet.settings.gap.hint')}
          fault={wrongGap ? t('wallet.settings.gap.bad', { n: LARGEST_GAP }) : undefined}
        >
          <input type="text" inputMode="numeric" value={gap} autocomplete="off" onInput={(event) => setGap(event.currentTarget.value)} />
        </Field>
        <Field
          label={t('wallet.settings.nodes')}
          hint={t('wallet.settings.nodes.hint')}
          fault={wrongNode === undefined ? undefined : t('wallet.settings.nodes.bad', { node: wrongNode })}
          optional
        >
          <textarea
            class="mono"
            rows={2}
            value={nodes}
            spellcheck={false}
            autocapitalize="none"
            placeholder="http://192.168.1.20:3001"
            onInput={(event) => setNodes(event.currentTarget.value)}
          />
        </Field>
        <OtherNodes nodes={before.nodes} />
        <Wrong error={doing.error} />
        <div>
          <button class="button primary" disabled={doing.busy || !writes.value}>
            {t('wallet.settings.save')}
          </button>
        </div>
      </form>
    </Card>
  );
}

function ChangePassword(): JSX.Element {
  const old = useRef<HTMLInputElement>(null);
  const passwords = useNewPassword();
  const [fault, setFault] = useState<string | undefined>();
  const doing = useDoing();
  return (
    <details class="card">
      <summary>
        <h2>{t('wallet.password.change')}</h2>
      </summary>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = newPassword(passwords.first, passwords.second);
          setFault('fault' in wanted ? wanted.fault : undefined);
          if ('fault' in wanted) return;
          doing.run(async () => {
            const { vault } = await signer().call('change_password', { old: take(old), new: wanted.password });
            await change((stored) => ({ ...stored, vault }));
            passwords.clear();
            toast(t('wallet.password.changed'));
          });
        }}
      >
        <PasswordField field={old} label={t('wallet.password.old')} />
        <NewPassword first={passwords.first} second={passwords.second} fault={fault} />
        <p class="dim small">{t('wallet.password.change.what')}</p>
        <Wrong error={doing.error} />
        <div>
          <button class="button" disabled={doing.busy || !writes.value}>
            {doing.busy ? t('wallet.unlock.busy') : t('wallet.password.change')}
          </button>
        </div>
      </form>
    </details>
  );
}

/** The words are shown for so long, in milliseconds. */
const SHOWN_FOR = 60_000;

function Words({ stored }: { stored: StoredWallet }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [shown, show] = useState<{ words: string[]; passphrase: boolean } | null>(null);
  const doing = useDoing();
  const ask = (): void => {
    doing.run(async () => {
      const { mnemonic, passphrase } = await signer().call('show_words', { password: take(field) });
      show({ words: mnemonic.split(' '), passphrase: passphrase !== '' });
      setTimeout(() => show(null), SHOWN_FOR);
    });
  };
  return (
    <details class="card" open={stored.backed_up === undefined}>
      <summary>
        <h2>{t('wallet.words.show')}</h2>
      </summary>
      {stored.backed_up === undefined ? (
        <Note tone="warn">
          <p>{t('wallet.backup.missing')}</p>
        </Note>
      ) : null}
      {shown ? (
        <div class="stack">
          <WordList words={shown.words} />
          {shown.passphrase ? <p>{t('wallet.words.passphrase')}</p> : null}
          <Note tone="warn">
            <p>{t('wallet.backup.warn')}</p>
          </Note>
          <div class="row">
            {stored.backed_up === undefined ? (
              <button
                type="button"
                class="button primary"
                onClick={() => {
                  show(null);
                  void change((old) => ({ ...old, backed_up: Math.floor(Date.now() / 1000) }));
                }}
              >
                <Icon name="check" />
                {t('wallet.backup.sure')}
              </button>
            ) : null}
            <button type="button" class="button" onClick={() => show(null)}>
              {t('wallet.words.hide')}
            </button>
          </div>
        </div>
      ) : (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            ask();
          }}
        >
          <p class="dim">{t('wallet.words.show.what')}</p>
          <PasswordField field={field} />
          <Wrong error={doing.error} />
          <div>
            <button class="button" disabled={doing.busy}>
              <Icon name="eye" />
              {doing.busy ? t('wallet.unlock.busy') : t('wallet.words.show')}
            </button>
          </div>
        </form>
      )}
    </details>
  );
}

function Out({ stored }: { stored: StoredWallet }): JSX.Element {
  const { value, error } = useLight('descriptors', {});
  const accounts = summary.value?.accounts ?? [];
  return (
    <Card title={t('wallet.out')}>
      {stored.vault ? (
        <div class="stack tight">
          <p>{t('wallet.out.file.what')}</p>
          <div>
            <button
              type="button"
              class="button"
              onClick={() => giveFile(fileName(stored.name, '.json'), `${JSON.stringify(stored.vault, null, 2)}\n`, 'application/json')}
            >
              <Icon name="file" />
              {t('wallet.out.file')}
            </button>
          </div>
          <hr />
        </div>
      ) : null}
      <p>{t('wallet.out.descriptors')}</p>
      <Wrong error={error} />
      <ul class="outputs small">
        {(value ?? []).map((one, at) => {
          const account = accounts.find(({ id }) => id === one.account);
          return (
            <li key={at}>
              <strong>{account ? accountName(account) : one.name}</strong>
              {[one.receive, one.change].map((text, way) =>
                text === null ? null : (
                  <span class="row apart descriptor" key={way}>
                    <span class="hash wrap grow">{text}</span>
                    <Copy text={text} label={`${t('wallet.out.descriptor')} ${way + 1}`} />
                  </span>
                ),
              )}
            </li>
          );
        })}
      </ul>
      <Note tone="info">
        <p>{t('wallet.watch.privacy')}</p>
      </Note>
    </Card>
  );
}

function Accounts(): JSX.Element {
  const doing = useDoing();
  const accounts = summary.value?.accounts ?? [];
  const [kind, setKind] = useState<'segwit' | 'taproot' | 'nested' | 'legacy'>('segwit');
  const next = accounts.filter((account) => account.kind === kind).length;
  return (
    <details class="card">
      <summary>
        <h2>{t('wallet.accounts')}</h2>
      </summary>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(async () => {
            const account = await signer().call('account', { kind, index: next });
            await current().light.call('add_account', account);
            await persist();
            toast(t('wallet.accounts.added'));
          });
        }}
      >
        <p class="dim">{t('wallet.accounts.what')}</p>
        <ul>
          {accounts.map((account) => (
            <li key={account.id}>{accountName(account)}</li>
          ))}
        </ul>
        <Field label={t('wallet.accounts.kind')}>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as typeof kind)}>
            <option value="segwit">{t('wallet.kind.segwit')}</option>
            <option value="taproot">{t('wallet.kind.taproot')}</option>
            <option value="nested">{t('wallet.kind.nested')}</option>
            <option value="legacy">{t('wallet.kind.legacy')}</option>
          </select>
        </Field>
        <Wrong error={doing.error} />
        <div>
          <button class="button" disabled={doing.busy || !writes.value || !session.value?.signer}>
            <Icon name="plus" />
            {t('wallet.accounts.add')}
          </button>
        </div>
      </form>
    </details>
  );
}

function Rescan(): JSX.Element {
  const birthday = useRef<HTMLInputElement>(null);
  const doing = useDoing();
  return (
    <details class="card">
      <summary>
        <h2>{t('wallet.rescan')}</h2>
      </summary>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          doing.run(async () => {
            const from = dayStart(birthday.current?.value ?? '');
            await current().light.call('rescan', { birthday: from });
            await change((old) => ({ ...old, settings: { ...old.settings, birthday: from } }));
            changed();
            navigate('/wallet');
          });
        }}
      >
        <p class="dim">{t('wallet.rescan.what')}</p>
        <Birthday field={birthday} />
        <Wrong error={doing.error} />
        <div>
          <button class="button" disabled={doing.busy || !writes.value}>
            <Icon name="refresh" />
            {t('wallet.rescan')}
          </button>
        </div>
      </form>
    </details>
  );
}

function Delete({ stored }: { stored: StoredWallet }): JSX.Element {
  const [asking, ask] = useState(false);
  const [sure, setSure] = useState(false);
  const doing = useDoing();
  const remove = (): void => {
    doing.run(async () => {
      await lock();
      await removeWallet(stored.id);
      toast(t('wallet.delete.done', { name: stored.name }));
      navigate('/wallet/list');
    });
  };
  return (
    <Card title={t('wallet.delete')}>
      <p>{stored.kind === 'watch' ? t('wallet.delete.watch') : t('wallet.delete.what')}</p>
      <div>
        <button type="button" class="button danger" disabled={!writes.value} onClick={() => ask(true)}>
          <Icon name="trash" />
          {t('wallet.delete')}
        </button>
      </div>
      <Dialog
        title={t('wallet.delete.title', { name: stored.name })}
        open={asking}
        onClose={() => ask(false)}
        foot={
          <>
            <button type="button" class="button" onClick={() => ask(false)}>
              {t('wallet.cancel')}
            </button>
            <button type="button" class="button danger" disabled={doing.busy || (stored.kind === 'keys' && !sure)} onClick={remove}>
              {t('wallet.delete')}
            </button>
          </>
        }
      >
        <p>{stored.kind === 'watch' ? t('wallet.delete.watch') : t('wallet.delete.what')}</p>
        {stored.kind === 'keys' ? (
          <Check checked={sure} onChange={setSure}>
            {t('wallet.delete.sure')}
          </Check>
        ) : null}
        <Wrong error={doing.error} />
      </Dialog>
    </Card>
  );
}

function SettingsBody(): JSX.Element | null {
  const open = session.value;
  if (!open) return null;
  const { stored } = open;
  return (
    <div class="stack wide narrow">
      {stored.kind === 'keys' && open.signer && stored.backed_up === undefined ? <Words stored={stored} /> : null}
      <Ways key={stored.id} stored={stored} />
      <Rescan />
      {open.signer ? <Accounts /> : null}
      {stored.kind === 'keys' && open.signer ? <ChangePassword /> : null}
      {stored.kind === 'keys' && open.signer && stored.backed_up !== undefined ? <Words stored={stored} /> : null}
      <Out stored={stored} />
      <Delete stored={stored} />
    </div>
  );
}

export function SettingsPage(): JSX.Element {
  return (
    <Frame title={t('wallet.nav.settings')}>{summary.value ? <SettingsBody /> : <Loading what={t('wallet.opening')} />}</Frame>
  );
}

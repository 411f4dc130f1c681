/** What is around every page of an open wallet: its name, where to go, the lock, and what one must know. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { gone } from '../../node/tip';
import { href, path } from '../../router';
import { t, type PlainKey } from '../../text';
import { Badge, Dialog, Icon, type IconName, Note, PageHead } from '../../ui';
import { faults, lock, openWatch, session, summary, unlock, watches, writes } from '../session';
import { Unlock } from '../pages/unlock';
import type { StoredWallet } from '../store';
import type { FaultReport } from '../worker/protocol';
import { nodeName } from './nodes';
import { PasswordField, take } from './password';
import { useDoing } from './use';
import { Wrong } from './wrong';

const PLACES: readonly { to: string; text: PlainKey; icon: IconName }[] = [
  { to: '/wallet', text: 'wallet.nav.home', icon: 'wallet' },
  { to: '/wallet/receive', text: 'wallet.nav.receive', icon: 'receive' },
  { to: '/wallet/send', text: 'wallet.nav.send', icon: 'send' },
  { to: '/wallet/history', text: 'wallet.nav.history', icon: 'list' },
  { to: '/wallet/coins', text: 'wallet.nav.coins', icon: 'coins' },
  { to: '/wallet/psbt', text: 'wallet.nav.psbt', icon: 'file' },
  { to: '/wallet/message', text: 'wallet.nav.message', icon: 'key' },
  { to: '/wallet/labels', text: 'wallet.nav.labels', icon: 'label' },
  { to: '/wallet/settings', text: 'wallet.nav.settings', icon: 'settings' },
];

function Places(): JSX.Element {
  const here = path.value;
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>('[aria-current]');
    const row = list.current;
    // The page itself must not move: only the row.
    if (chosen && row) row.scrollLeft = chosen.offsetLeft - (row.clientWidth - chosen.clientWidth) / 2;
  }, [here]);
  return (
    <nav class="places" aria-label={t('wallet.nav')}>
      <ul ref={list}>
        {PLACES.map(({ to, text, icon }) => (
          <li key={to}>
            <a href={href(to)} {...(to === here ? { 'aria-current': 'page' } : {})}>
              <Icon name={icon} size={18} />
              <span>{t(text)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Another tab has the wallet: asks for it. */
function TakeOver({ stored }: { stored: StoredWallet }): JSX.Element {
  const [asking, ask] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const doing = useDoing();
  const take_over = (): void => {
    doing.run(() => (stored.kind === 'watch' ? openWatch(stored, true) : unlock(stored, take(field), true)));
  };
  return (
    <Note tone="warn">
      <p>{t('wallet.elsewhere')}</p>
      <div>
        <button type="button" class="button small" onClick={() => (stored.kind === 'watch' ? take_over() : ask(true))}>
          {t('wallet.elsewhere.take')}
        </button>
      </div>
      <Wrong error={asking ? null : doing.error} />
      <Dialog title={t('wallet.elsewhere.take')} open={asking} onClose={() => ask(false)}>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            take_over();
          }}
        >
          <p>{t('wallet.elsewhere.what')}</p>
          <PasswordField field={field} autoFocus />
          <Wrong error={doing.error} />
          <button class="button primary" disabled={doing.busy}>
            {doing.busy ? t('wallet.unlock.busy') : t('wallet.elsewhere.take')}
          </button>
        </form>
      </Dialog>
    </Note>
  );
}

/** What the node did wrong, the worst first. */
function Faults({ list }: { list: readonly FaultReport[] }): JSX.Element | null {
  const weight = { lie: 0, doubt: 1, trouble: 2 } as const;
  const sorted = [...list].sort((a, b) => weight[a.severity] - weight[b.severity]);
  const worst = sorted[0];
  if (!worst) return null;
  const lie = worst.severity === 'lie';
  // That there is no node at all is told above every page.
  if (gone.value && worst.kind === 'unreachable' && worst.node === 0) return null;
  return (
    <Note tone={lie ? 'bad' : 'warn'} urgent={lie}>
      <p>
        <strong>{t(`wallet.faults.${worst.severity}${worst.node > 0 ? '.other' : ''}`)}</strong>
      </p>
      {lie ? <p>{worst.kind === 'withheld_transaction' ? t('wallet.faults.withheld') : t('wallet.faults.what')}</p> : null}
      <p class="small wrap">
        {nodeName(worst.node)}: {worst.message}
        {worst.txid === undefined ? null : (
          <>
            {' · '}
            <a href={href(`/wallet/tx/${worst.txid}`)}>{t('wallet.tx')}</a>
          </>
        )}
      </p>
      {worst.node > 0 ? (
        <p class="small">
          <a href={href('/wallet/settings')}>{t('wallet.faults.settings')}</a>
        </p>
      ) : null}
      <details>
        <summary>{t('wallet.faults.list', { n: sorted.length })}</summary>
        <ul class="small">
          {sorted.slice(0, 20).map((fault, at) => (
            <li key={at}>
              {nodeName(fault.node)}: {fault.message}
            </li>
          ))}
        </ul>
      </details>
    </Note>
  );
}

/** A page of the open wallet; the way to open one if there is none. */
export function Frame({ title, aside, children }: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const open = session.value;
  if (!open) return <Unlock />;
  const { stored } = open;
  return (
    <>
      <div class="wallet-bar">
        <span class="row">
          <Icon name="wallet" />
          <strong class="wrap">{stored.name}</strong>
          {watches.value ? <Badge tone="info">{t('wallet.watch.badge')}</Badge> : null}
          {writes.value ? null : <Badge tone="warn">{t('wallet.readonly')}</Badge>}
        </span>
        <span class="row">
          <a class="button quiet small" href={href('/wallet/list')}>
            {t('wallet.nav.list')}
          </a>
          <button type="button" class="button small" onClick={() => void lock()}>
            <Icon name="lock" size={16} />
            {stored.kind === 'watch' ? t('wallet.close') : t('wallet.lock')}
          </button>
        </span>
      </div>
      <Places />
      {writes.value ? null : <TakeOver stored={stored} />}
      <Faults list={faults.value} />
      {summary.value && stored.kind === 'keys' && stored.backed_up === undefined && path.value === '/wallet' ? (
        <Note tone="warn">
          <p>{t('wallet.backup.missing')}</p>
          <div>
            <a class="button small" href={href('/wallet/settings')}>
              {t('wallet.backup.now')}
            </a>
          </div>
        </Note>
      ) : null}
      <PageHead title={title}>{aside}</PageHead>
      {children}
    </>
  );
}

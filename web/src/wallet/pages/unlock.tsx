/** Opening a wallet that this browser keeps. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { href, navigate, type PageProps, path } from '../../router';
import { t } from '../../text';
import { Badge, Empty, Icon, Loading, Note, PageHead, Time } from '../../ui';
import { PasswordField, take } from '../parts/password';
import { useDoing } from '../parts/use';
import { Wrong } from '../parts/wrong';
import { LAST_WALLET, nodeChain, notice, openWatch, session, unlock } from '../session';
import { setting, type StoredWallet, wallets } from '../store';

interface Kept {
  all: StoredWallet[];
  last: string | undefined;
  /** The first block of the node's chain; null if the node did not say. */
  genesis: string | null;
}

/** The wallets kept here, and which of them fit the node's chain. */
export function useKept(): { kept: Kept | null; error: Error | null } {
  const [kept, show] = useState<Kept | null>(null);
  const [error, fail] = useState<Error | null>(null);
  useEffect(() => {
    Promise.all([wallets(), setting<string>(LAST_WALLET), nodeChain().catch(() => null)]).then(
      ([all, last, chain]) => show({ all, last, genesis: chain?.genesis ?? null }),
      (reason: unknown) => fail(reason instanceof Error ? reason : new Error(String(reason))),
    );
  }, []);
  return { kept, error };
}

/** What stands in a wallet page's place while no wallet is open: the last one's password field, or how to get one. */
export function Unlock(): JSX.Element {
  const { kept, error } = useKept();
  if (error) {
    return (
      <>
        <PageHead title={t('wallet.title')} />
        <Wrong error={error} />
      </>
    );
  }
  if (!kept) return <Loading />;
  const mine = kept.all.filter((stored) => kept.genesis === null || stored.genesis === kept.genesis);
  const chosen = mine.find((stored) => stored.id === kept.last) ?? mine.at(-1);
  return chosen ? <UnlockForm key={chosen.id} stored={chosen} many={kept.all.length > 1} /> : <Welcome others={kept.all.length} />;
}

/** A certain wallet's password field. */
export function UnlockPage({ params }: PageProps): JSX.Element {
  const { kept, error } = useKept();
  if (error) return <Wrong error={error} />;
  if (!kept) return <Loading />;
  const stored = kept.all.find(({ id }) => id === params['id']);
  return stored ? <UnlockForm stored={stored} many={kept.all.length > 1} /> : <Unlock />;
}

function UnlockForm({ stored, many }: { stored: StoredWallet; many: boolean }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const doing = useDoing();
  const watch = stored.kind === 'watch';
  const open = (): void => {
    doing.run(async () => {
      if (watch) await openWatch(stored);
      else await unlock(stored, take(field));
      // Whoever came for another page gets it.
      if (path.peek().startsWith('/wallet/unlock') || path.peek() === '/wallet/list') navigate('/wallet');
    });
  };
  useEffect(() => {
    if (doing.error) field.current?.focus();
  }, [doing.error]);
  return (
    <div class="narrow centred stack wide">
      <PageHead title={watch ? t('wallet.open.title', { name: stored.name }) : t('wallet.unlock.title', { name: stored.name })} />
      {notice.value === null ? null : (
        <Note tone="warn" urgent>
          <p>{notice.value}</p>
        </Note>
      )}
      <form
        class="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          open();
        }}
      >
        {watch ? <p>{t('wallet.watch.what')}</p> : <PasswordField field={field} autoFocus />}
        <Wrong error={doing.error} />
        <button class="button primary wide" disabled={doing.busy}>
          {doing.busy ? <span class="spinner" aria-hidden="true" /> : <Icon name="unlock" />}
          {doing.busy ? t('wallet.unlock.busy') : watch ? t('wallet.open') : t('wallet.unlock')}
        </button>
      </form>
      <p>
        <a href={href('/wallet/list')}>{many ? t('wallet.list.other') : t('wallet.list.more')}</a>
      </p>
    </div>
  );
}

const WAYS = [
  { to: '/wallet/new', icon: 'plus', title: 'wallet.new', what: 'wallet.new.what' },
  { to: '/wallet/restore', icon: 'refresh', title: 'wallet.restore', what: 'wallet.restore.what' },
  { to: '/wallet/watch', icon: 'eye', title: 'wallet.watch', what: 'wallet.watch.how' },
  { to: '/wallet/import', icon: 'file', title: 'wallet.import', what: 'wallet.import.what' },
] as const;

/** The ways to get a wallet. */
function Ways(): JSX.Element {
  return (
    <ul class="wallet-ways">
      {WAYS.map(({ to, icon, title, what }) => (
        <li key={to}>
          <a href={href(to)}>
            <Icon name={icon} size={26} />
            <span>
              <strong>{t(title)}</strong>
              <span class="dim">{t(what)}</span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Welcome({ others }: { others: number }): JSX.Element {
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.welcome')} />
      <p>{t('wallet.welcome.what')}</p>
      <Ways />
      {others > 0 ? (
        <p>
          <a href={href('/wallet/list')}>{t('wallet.list.elsewhere', { n: others })}</a>
        </p>
      ) : null}
      <p class="dim small">{t('wallet.welcome.honest')}</p>
    </div>
  );
}

/** All wallets that this browser keeps. */
export function List(): JSX.Element {
  const { kept, error } = useKept();
  const open = session.value?.stored.id;
  if (error) return <Wrong error={error} />;
  return (
    <div class="narrow centred stack wide">
      <PageHead title={t('wallet.list')} />
      {!kept ? (
        <Loading />
      ) : kept.all.length === 0 ? (
        <Empty icon="wallet">
          <p>{t('wallet.list.none')}</p>
        </Empty>
      ) : (
        <ul class="rows card flush">
          {kept.all.map((stored) => {
            const fits = kept.genesis === null || stored.genesis === kept.genesis;
            const inside = (
              <>
                <Icon name={stored.kind === 'watch' ? 'eye' : 'wallet'} />
                <span class="grow stack tight">
                  <strong class="wrap">{stored.name}</strong>
                  <span class="dim small">
                    {t('wallet.list.made')} <Time at={stored.created} />
                  </span>
                </span>
                {stored.id === open ? <Badge tone="good">{t('wallet.list.open')}</Badge> : null}
                {stored.kind === 'watch' ? <Badge tone="info">{t('wallet.watch.badge')}</Badge> : null}
                {fits ? null : <Badge tone="warn">{t('wallet.list.chain')}</Badge>}
              </>
            );
            return (
              <li key={stored.id}>
                {fits ? (
                  <a class="line" href={href(stored.id === open ? '/wallet' : `/wallet/unlock/${stored.id}`)}>
                    {inside}
                  </a>
                ) : (
                  <span class="line dim">{inside}</span>
                )}
              </li>
            );
          })}
        </ul>
      )}
      <h2>{t('wallet.list.add')}</h2>
      <Ways />
    </div>
  );
}

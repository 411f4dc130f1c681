/** The app: what is around the pages, and which page is shown. */
import { Component, type ComponentChildren, type JSX, render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { routes as explorer } from './explorer';
import { compare, followEdition, keepForOffline, outdated } from './edition';
import { follow, gone, hurry, link, node, tip } from './node/tip';
import { routes as nodePages } from './node-page';
import { find, href, path, query, type Route } from './router';
import { number, t, type PlainKey } from './text';
import { dress, nextTheme, theme } from './theme';
import { Icon, type IconName, Note, PageHead, Toasts } from './ui';
import { routes as wallet } from './wallet';

const ROUTES: readonly Route[] = [...explorer, ...wallet, ...nodePages];

const SECTIONS: readonly { to: string; text: PlainKey; icon: IconName; routes: readonly Route[] }[] = [
  { to: '/', text: 'nav.explorer', icon: 'block', routes: explorer },
  { to: '/wallet', text: 'nav.wallet', icon: 'wallet', routes: wallet },
  { to: '/node', text: 'nav.node', icon: 'node', routes: nodePages },
];

const THEME_ICONS: Readonly<Record<typeof theme.value, IconName>> = { system: 'half', light: 'sun', dark: 'moon' };

/** Keeps a page that fails from taking the others with it. */
class Boundary extends Component<{ children: ComponentChildren }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static override getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ComponentChildren {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div class="stack" role="alert">
        <PageHead title={t('error.title')} />
        <p>{t('error.hint')}</p>
        <pre>{error.message}</pre>
        <div>
          <button type="button" class="button" onClick={() => this.setState({ error: null })}>
            {t('error.again')}
          </button>
        </div>
      </div>
    );
  }
}

function Header({ at }: { at: Route | undefined }): JSX.Element {
  const chain = node.value?.chain;
  const themeName = t(`theme.${theme.value}`);
  return (
    <header class="top">
      <div class="top-in">
        <a class="brand" href={href('/')}>
          <Icon name="block" size={26} />
          <span class="name">{t('app.name')}</span>
          {chain === undefined ? null : (
            <span class="network" title={t(chain === 'main' ? 'network.value' : 'network.test')}>
              {chain}
            </span>
          )}
        </a>
        <nav aria-label={t('nav.main')}>
          <ul>
            {SECTIONS.map((section) => (
              <li key={section.to}>
                <a href={href(section.to)} {...(at && section.routes.includes(at) ? { 'aria-current': 'page' } : {})}>
                  <Icon name={section.icon} />
                  <span>{t(section.text)}</span>
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="aside">
          <Live />
          <button
            type="button"
            class="button quiet icon small"
            aria-label={`${t('theme.label')}: ${themeName}`}
            title={`${t('theme.label')}: ${themeName}`}
            onClick={nextTheme}
          >
            <Icon name={THEME_ICONS[theme.value]} />
          </button>
        </div>
      </div>
    </header>
  );
}

/** The tip, and whether news of it arrive by themselves. */
function Live(): JSX.Element {
  const state = link.value;
  const words = t(state === 'live' ? 'tip.live' : state === 'connecting' ? 'tip.connecting' : 'tip.lost');
  return (
    <span class={`live ${state === 'live' ? 'on' : state === 'lost' ? 'off' : ''}`} title={words}>
      <span class="dot" />
      <span class="told">{words}</span>
      {tip.value ? <span class="number">{t('tip.height', { height: number(tip.value.height) })}</span> : null}
    </span>
  );
}

/** What concerns the app as a whole: there is no node, or it serves another edition of the app. */
function Notices(): JSX.Element | null {
  const away = gone.value;
  useEffect(() => {
    // Who comes back may have been upgraded meanwhile.
    if (!away && node.peek()) void compare();
  }, [away]);
  if (!away && !outdated.value) return null;
  return (
    <div class="stack notices" role="status">
      {away ? (
        <Note tone="warn">
          <p>
            <strong>{t('node.gone')}</strong>
          </p>
          <p>{t('node.gone.what')}</p>
          <div>
            <button type="button" class="button small" onClick={hurry}>
              {t('node.gone.again')}
            </button>
          </div>
        </Note>
      ) : null}
      {outdated.value ? (
        <Note tone="warn">
          <p>{t('edition.other')}</p>
          <div>
            <button type="button" class="button small" onClick={() => globalThis.location.reload()}>
              {t('edition.load')}
            </button>
          </div>
        </Note>
      ) : null}
    </div>
  );
}

function Missing(): JSX.Element {
  return (
    <>
      <PageHead title={t('page.missing')} />
      <p>{t('page.missing.hint')}</p>
      <p>
        <a href={href('/')}>{t('page.home')}</a>
      </p>
    </>
  );
}

function App(): JSX.Element {
  const where = path.value;
  const found = find(ROUTES, where);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const title = found ? found.route.title(found.params) : t('page.missing');
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  useEffect(() => {
    // A new page begins at its top, for eyes and for screen readers.
    if (!first.current) {
      globalThis.scrollTo(0, 0);
      (main.current?.querySelector<HTMLElement>('h1') ?? main.current)?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [where]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment is the router's: the link must not change it.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <Header at={found?.route} />
      <main id="main" class="page" tabIndex={-1} ref={main}>
        <Notices />
        <Boundary key={where}>
          {found ? <found.route.page params={found.params} query={query.value} /> : <Missing />}
        </Boundary>
      </main>
      <Toasts />
    </>
  );
}

dress();
follow();
followEdition();
keepForOffline();
const place = document.getElementById('app');
if (!place) throw new Error('the page has no place for the app');
render(<App />, place);

/** What is around the explorer's pages: the way to the others, the search, and whether the node still answers. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { status } from '../node/status';
import { hurry, link } from '../node/tip';
import { href } from '../router';
import { t } from '../text';
import { Note } from '../ui';
import { SearchBox } from './search';

interface Place {
  to: string;
  text: `explorer.nav.${'chain' | 'mempool' | 'charts' | 'node' | 'peers' | 'plugins'}`;
}

const EXPLORER: readonly Place[] = [
  { to: '/', text: 'explorer.nav.chain' },
  { to: '/mempool', text: 'explorer.nav.mempool' },
  { to: '/charts', text: 'explorer.nav.charts' },
];

const NODE: readonly Place[] = [
  { to: '/node', text: 'explorer.nav.node' },
  { to: '/peers', text: 'explorer.nav.peers' },
  { to: '/plugins', text: 'explorer.nav.plugins' },
];

/** A connection may come and go; only one that stays away is worth words. */
const PATIENCE = 4000;

/** Says that the node is away, and what is done about it. */
function Away(): JSX.Element | null {
  const [away, setAway] = useState(false);
  const lost = link.value !== 'live';
  useEffect(() => {
    if (!lost) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    // A node may refuse one more WebSocket and still answer: then the page is only slower.
    const look = (): void => {
      status({ signal: stop.signal, patience: PATIENCE }).then(
        () => setAway(false),
        () => !stop.signal.aborted && setAway(true),
      );
      timer = setTimeout(look, PATIENCE);
    };
    timer = setTimeout(look, PATIENCE);
    return () => {
      stop.abort();
      clearTimeout(timer);
      setAway(false);
    };
  }, [lost]);
  if (!away) return null;
  return (
    <Note tone="warn" urgent>
      <p>{t('away.told')}</p>
      <div>
        <button type="button" class="button small" onClick={hurry}>
          {t('error.again')}
        </button>
      </div>
    </Note>
  );
}

function Ways({ places, at, label }: { places: readonly Place[]; at: string; label: string }): JSX.Element {
  return (
    <nav class="explorer-ways" aria-label={label}>
      <ul>
        {places.map((place) => (
          <li key={place.to}>
            <a href={href(place.to)} {...(place.to === at ? { 'aria-current': 'page' as const } : {})}>
              {t(place.text)}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** An explorer page. `at` is the place in the navigation that it belongs to. */
export function ExplorerFrame({ at, children }: { at: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <div class="explorer-top">
        <Ways places={EXPLORER} at={at} label={t('explorer.nav')} />
        <SearchBox />
      </div>
      <Away />
      {children}
    </>
  );
}

/** A page on the node. */
export function NodeFrame({ at, children }: { at: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <Ways places={NODE} at={at} label={t('explorer.nav.ofnode')} />
      <Away />
      {children}
    </>
  );
}

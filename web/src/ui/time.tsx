/** Moments and lengths of time. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { ago, moment } from '../text';

/** The clock of the page in seconds since 1970; it ticks for what says how long ago something is. */
export const now = signal(Math.floor(Date.now() / 1000));
setInterval(() => {
  if (!document.hidden) now.value = Math.floor(Date.now() / 1000);
}, 1000);

/** How long ago a moment is (seconds since 1970), with the moment itself in its title; or the moment itself. */
export function Time({ at, exact = false }: { at: number; exact?: boolean }): JSX.Element {
  const iso = new Date(at * 1000).toISOString();
  return (
    <time dateTime={iso} title={exact ? iso : moment(at)}>
      {exact ? moment(at) : ago(at, now.value)}
    </time>
  );
}

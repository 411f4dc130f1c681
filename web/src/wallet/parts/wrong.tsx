/** What went wrong, where it went wrong. */
import type { JSX } from 'preact';
import { Note } from '../../ui';
import { said } from './use';

export function Wrong({ error }: { error: Error | null }): JSX.Element | null {
  return error ? (
    <Note tone="bad" urgent>
      <p>{said(error)}</p>
    </Note>
  ) : null;
}

/** The small pieces that the explorer's pages share. */
import type { ComponentChildren, JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { NodeError } from '../node/client';
import type { Loaded } from '../node/load';
import { href } from '../router';
import { number, t } from '../text';
import { Empty, Fault, Hash, Loading, Note } from '../ui';

/** Shows what was loaded, or that it is on its way, or why it is not there. What was there before stays. */
export function Show<T>({ of, missing, children }: {
  of: Loaded<T> & { again: () => void };
  /** Said of what the node does not have. */
  missing?: ComponentChildren;
  children: (value: T) => ComponentChildren;
}): JSX.Element {
  // What failed stays on the page while it is tried again.
  const failed = useRef<Extract<Loaded<T>, { state: 'failed' }> | null>(null);
  if (of.state === 'failed') failed.current = of;
  if (of.state === 'ready') failed.current = null;
  const failure = failed.current;
  if (failure?.missing && missing !== undefined) return <Empty icon="search">{missing}</Empty>;
  if (of.value !== undefined) return <>{children(of.value)}</>;
  if (failure && isWithoutIndex(failure.error)) {
    return (
      <Note>
        <p>{t('index.off')}</p>
        <p class="dim small">{failure.error.message}</p>
      </Note>
    );
  }
  return failure ? <Fault error={failure.error} again={of.again} /> : <Loading />;
}

/** Whether the node cannot tell because one of its indexes is off. */
function isWithoutIndex(error: Error): boolean {
  return error instanceof NodeError && error.status === 501;
}

/** A table that scrolls inside its own frame where the page is narrow. */
export function Table({ label, head, children }: {
  label: string;
  head: readonly (string | { name: string; right: true })[];
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="table-scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((column) =>
              typeof column === 'string' ? (
                <th key={column} scope="col">
                  {column}
                </th>
              ) : (
                <th key={column.name} scope="col" class="right">
                  {column.name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A column of numbers. */
export function right(name: string): { name: string; right: true } {
  return { name, right: true };
}

/** Earlier and later pages of a list; nothing where there is one page. */
export function Pager({ label, page, pages, onPage }: {
  label: string;
  page: number;
  pages: number;
  onPage: (page: number) => void;
}): JSX.Element | null {
  const nav = useRef<HTMLElement>(null);
  if (pages < 2) return null;
  const go = (to: number): void => {
    onPage(to);
    nav.current?.closest('section')?.scrollIntoView({ block: 'start' });
  };
  return (
    <nav class="pager" aria-label={t('pager.label', { list: label })} ref={nav}>
      <button type="button" class="button small" disabled={page === 0} onClick={() => go(page - 1)}>
        {t('pager.previous')}
      </button>
      <span class="dim small" role="status">
        {t('pager.at', { page: page + 1, pages })}
      </span>
      <button type="button" class="button small" disabled={page + 1 >= pages} onClick={() => go(page + 1)}>
        {t('pager.next')}
      </button>
    </nav>
  );
}

/** Who mined a block: what it wrote into it, or whom it pays. */
export function MinerName({ miner, tag, linked = false, whole = false }: {
  miner: string | null;
  tag: string | null;
  linked?: boolean;
  /** All of the address, where there is room. */
  whole?: boolean;
}): JSX.Element {
  if (!miner && !tag) return <span class="dim">{t('miner.unknown')}</span>;
  const name = tag ? (
    <span class="tag">{tag}</span>
  ) : whole ? (
    <Hash value={miner ?? ''} />
  ) : (
    <span class="hash nowrap">{`${miner?.slice(0, 6)}…${miner?.slice(-5)}`}</span>
  );
  return linked && miner ? (
    <a href={href(`/address/${miner}`)} title={miner}>
      {name}
    </a>
  ) : (
    name
  );
}

/** A height that leads to its block. */
export function Height({ height, hash }: { height: number; hash?: string }): JSX.Element {
  return <a href={href(`/block/${hash ?? height}`)}>{number(height)}</a>;
}

/** Said above a list or picture that is not whole. */
export function Partial({ children }: { children: ComponentChildren }): JSX.Element {
  return <Note tone="warn">{children}</Note>;
}

/**
 * Which page is shown. The place is in the fragment of the URL (`#/tx/…`): the node serves one page and no other path,
 * and what somebody looks at is not sent to it as a path.
 */
import { computed, signal } from '@preact/signals';
import type { ComponentType } from 'preact';

/** What a page is given: the parts of its path, and what stands behind the `?`. */
export interface PageProps {
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
}

export interface Route {
  /** `/tx/:id`; a last part `*` takes the rest of the path. */
  path: string;
  page: ComponentType<PageProps>;
  /** What the window's title says. */
  title: (params: Readonly<Record<string, string>>) => string;
}

export interface Found {
  route: Route;
  params: Readonly<Record<string, string>>;
}

function fragment(): string {
  const text = globalThis.location.hash.replace(/^#/, '');
  return text.startsWith('/') ? text : '/';
}

const place = signal(fragment());

/** The path without what stands behind the `?`. */
export const path = computed(() => place.value.split('?', 1)[0] ?? '/');

/** What stands behind the `?`. */
export const query = computed(() => new URLSearchParams(place.value.slice(path.value.length + 1)));

globalThis.addEventListener('hashchange', () => {
  place.value = fragment();
});

/** The URL of a page, for `<a href>`. */
export function href(to: string, search?: Readonly<Record<string, string>>): string {
  const rest = search && Object.keys(search).length > 0 ? `?${new URLSearchParams(search).toString()}` : '';
  return `#${to}${rest}`;
}

/** Goes to a page. With `replace`, the way back does not lead to the page left. */
export function navigate(
  to: string,
  options: { replace?: boolean; search?: Readonly<Record<string, string>> } = {},
): void {
  const url = href(to, options.search);
  if (options.replace) {
    globalThis.history.replaceState(null, '', url);
    place.value = fragment();
  } else {
    globalThis.location.hash = url;
  }
}

/** The first route whose path fits. */
export function find(routes: readonly Route[], where: string): Found | null {
  const parts = where.split('/').filter((part) => part !== '');
  for (const route of routes) {
    const params = fit(route.path.split('/').filter((part) => part !== ''), parts);
    if (params) return { route, params };
  }
  return null;
}

function fit(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  const params: Record<string, string> = {};
  for (const [at, wanted] of pattern.entries()) {
    if (wanted === '*') {
      params['rest'] = parts.slice(at).map(decoded).join('/');
      return params;
    }
    const part = parts[at];
    if (part === undefined) return null;
    if (wanted.startsWith(':')) params[wanted.slice(1)] = decoded(part);
    else if (wanted !== part) return null;
  }
  return parts.length === pattern.length ? params : null;
}

/** A part of a path as it was before it was made part of a URL; as it is if it never was. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The explorer's pages. */
import type { JSX } from 'preact';
import type { Route } from '../router';
import { t } from '../text';
import { PageHead } from '../ui';

function Start(): JSX.Element {
  return <PageHead title={t('explorer.title')} />;
}

export const routes: readonly Route[] = [{ path: '/', page: Start, title: () => t('explorer.title') }];

/** The wallet's pages. */
import type { JSX } from 'preact';
import type { Route } from '../router';
import { t } from '../text';
import { PageHead } from '../ui';

function Start(): JSX.Element {
  return <PageHead title={t('wallet.title')} />;
}

export const routes: readonly Route[] = [{ path: '/wallet', page: Start, title: () => t('wallet.title') }];

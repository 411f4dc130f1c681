/** The pages on the node itself. */
import type { JSX } from 'preact';
import type { Route } from '../router';
import { t } from '../text';
import { PageHead } from '../ui';

function Start(): JSX.Element {
  return <PageHead title={t('node.title')} />;
}

export const routes: readonly Route[] = [{ path: '/node', page: Start, title: () => t('node.title') }];

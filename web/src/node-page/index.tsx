/** The pages on the node itself. */
import type { Route } from '../router';
import { t } from '../text';
import { NodePage } from './node';
import { PeersPage } from './peers';
import { PluginsPage } from './plugins';

export const routes: readonly Route[] = [
  { path: '/node', page: NodePage, title: () => t('node.title') },
  { path: '/peers', page: PeersPage, title: () => t('peers.title') },
  { path: '/plugins', page: PluginsPage, title: () => t('plugins.title') },
];

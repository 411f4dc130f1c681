/** The explorer's pages. */
import type { Route } from '../router';
import { t } from '../text';
import { AddressPage } from './address';
import { BlockPage } from './block';
import { ChartsPage } from './charts';
import { ends } from './format';
import { MempoolPage } from './mempool';
import { Overview } from './overview';
import { TxPage } from './tx';

export const routes: readonly Route[] = [
  { path: '/', page: Overview, title: () => t('explorer.title') },
  { path: '/block/:id', page: BlockPage, title: ({ id = '' }) => t('block.title', { height: ends(id) }) },
  { path: '/tx/:txid', page: TxPage, title: ({ txid = '' }) => t('tx.title', { txid: ends(txid) }) },
  { path: '/address/:address', page: AddressPage, title: ({ address = '' }) => t('address.title', { address: ends(address) }) },
  { path: '/mempool', page: MempoolPage, title: () => t('mempool.title') },
  { path: '/charts', page: ChartsPage, title: () => t('chart.title') },
];

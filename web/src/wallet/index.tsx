/** The wallet's pages. */
import type { Route } from '../router';
import { t } from '../text';
import { Coins } from './pages/coins';
import { Create } from './pages/create';
import { History } from './pages/history';
import { Home } from './pages/home';
import { Import, Watch } from './pages/import';
import { Labels } from './pages/labels';
import { Message } from './pages/message';
import { Psbt } from './pages/psbt';
import { Receive } from './pages/receive';
import { Restore } from './pages/restore';
import { Send } from './pages/send';
import { SettingsPage } from './pages/settings';
import { WalletTx } from './pages/tx';
import { List, UnlockPage } from './pages/unlock';
import { keepWatch } from './watchdog';

keepWatch();

export const routes: readonly Route[] = [
  { path: '/wallet', page: Home, title: () => t('wallet.title') },
  { path: '/wallet/list', page: List, title: () => t('wallet.list') },
  { path: '/wallet/unlock/:id', page: UnlockPage, title: () => t('wallet.unlock') },
  { path: '/wallet/new', page: Create, title: () => t('wallet.new') },
  { path: '/wallet/restore', page: Restore, title: () => t('wallet.restore') },
  { path: '/wallet/watch', page: Watch, title: () => t('wallet.watch') },
  { path: '/wallet/import', page: Import, title: () => t('wallet.import') },
  { path: '/wallet/receive', page: Receive, title: () => t('wallet.nav.receive') },
  { path: '/wallet/send', page: Send, title: () => t('wallet.nav.send') },
  { path: '/wallet/history', page: History, title: () => t('wallet.nav.history') },
  { path: '/wallet/tx/:txid', page: WalletTx, title: () => t('wallet.tx') },
  { path: '/wallet/coins', page: Coins, title: () => t('wallet.nav.coins') },
  { path: '/wallet/labels', page: Labels, title: () => t('wallet.nav.labels') },
  { path: '/wallet/psbt', page: Psbt, title: () => t('wallet.psbt.title') },
  { path: '/wallet/message', page: Message, title: () => t('wallet.message.title') },
  { path: '/wallet/settings', page: SettingsPage, title: () => t('wallet.nav.settings') },
];

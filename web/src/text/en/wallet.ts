/** Texts of the wallet pages. */
export const wallet = {
  'wallet.title': 'Wallet',
  'wallet.error.crashed': 'The wallet was locked after an internal error. Nothing was lost; unlock it again.',
  'wallet.error.locked': 'The wallet is locked',
  'wallet.error.timeout': 'The wallet did not answer in time',
  'wallet.error.elsewhere': 'This wallet is open in another tab',
} as const;

// For pages and workers.
import { classes } from './api.js';
import init, * as bindings from './bindings/wallet.js';

export { WalletError } from './api.js';
export const { Signer, Light } = classes(bindings);

/** Loads the module: from beside this file, or what it is given. */
export async function ready(module) {
  await init(module === undefined ? undefined : { module_or_path: module });
}

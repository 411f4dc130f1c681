// For Node.js.
import { readFileSync } from 'node:fs';
import { classes } from './api.js';
import * as bindings from './bindings/wallet.js';

export { WalletError } from './api.js';
export const { Signer, Light } = classes(bindings);

/** Loads the module: from beside this file, or what it is given. */
export async function ready(module) {
  bindings.initSync({ module: module ?? readFileSync(new URL('./bindings/wallet_bg.wasm', import.meta.url)) });
}

/** Starting workers. The page compiles the module, once, and posts it to both: the signer could not fetch it. */
import { scriptUrl } from '../../trusted';
import { LIGHT, MODULE, MODULE_INTEGRITY, SCAN, SIGNER } from './assets';

const PLACES = { signer: SIGNER, light: LIGHT, scan: SCAN } as const;

/** A new worker. */
export function start(which: keyof typeof PLACES): Worker {
  return new Worker(scriptUrl(PLACES[which]), { type: 'module', name: which });
}

let compiled: Promise<WebAssembly.Module> | null = null;

/** The wallet's module, whose bytes must have the hash that this page was built with. */
export function module(): Promise<WebAssembly.Module> {
  compiled ??= fetch(MODULE, { integrity: MODULE_INTEGRITY, credentials: 'same-origin' })
    .then((response) => WebAssembly.compileStreaming(response))
    .catch((error: unknown) => {
      // The next try fetches it anew.
      compiled = null;
      throw error;
    });
  return compiled;
}

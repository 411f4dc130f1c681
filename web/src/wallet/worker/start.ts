/**
 * Starting workers. The page compiles the module, once, and posts it to both: the signer could not fetch it.
 *
 * Trusted Types allow one policy, `cc`, and it makes script URLs of the two workers' paths only.
 */
import { LIGHT, MODULE, MODULE_INTEGRITY, SIGNER } from './assets';

interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

const rules: Policy = {
  createScriptURL(url) {
    if (url === SIGNER || url === LIGHT) return url;
    throw new TypeError('not a worker of this app');
  },
};
const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const policy = trusted ? trusted.createPolicy('cc', rules) : rules;

/** A new worker. */
export function start(which: 'signer' | 'light'): Worker {
  const url = policy.createScriptURL(which === 'signer' ? SIGNER : LIGHT);
  return new Worker(url, { type: 'module', name: which });
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

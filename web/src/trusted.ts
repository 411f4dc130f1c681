/**
 * Where scripts may come from. Trusted Types allow one policy, `cc`, and it makes script URLs of the app's own workers
 * only.
 */
import { LIGHT, SCAN, SERVICE, SIGNER } from './wallet/worker/assets';

interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

const rules: Policy = {
  createScriptURL(url) {
    if ([SIGNER, LIGHT, SCAN, SERVICE].includes(url)) return url;
    throw new TypeError('not a worker of this app');
  },
};
const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const policy = trusted ? trusted.createPolicy('cc', rules) : rules;

/** The URL of one of the app's workers, as the browser wants it. */
export const scriptUrl = (url: string): string => policy.createScriptURL(url);

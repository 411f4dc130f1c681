/**
 * The worker that holds the keys. Its response carries a policy of its own: no network, no further scripts. It lives
 * from one unlock to the next lock, and what it knew goes with it.
 */
import { initSync, SignerService } from 'chaincore-wallet-bindings';
import type { FromWorker, ToWorker } from './messages';

let service: SignerService | null = null;

const tell = (message: FromWorker): void => globalThis.postMessage(message);

globalThis.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const said = event.data;
  try {
    if ('begin' in said) {
      initSync({ module: said.begin });
      service = new SignerService();
      tell({ ready: true });
    } else if ('id' in said && service) {
      const { id, method, params } = said;
      tell({ id, reply: service.call(JSON.stringify({ method, params })) });
    }
  } catch (error) {
    // The module is in a state that nobody knows: never call it again.
    service = null;
    tell({ crash: error instanceof Error ? error.message : String(error) });
    globalThis.close();
  }
});

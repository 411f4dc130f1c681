// The two services as classes whose methods take and give objects.
import { Drive } from './drive.js';

const SIGNER = [
  'generate', 'check', 'suggest', 'create', 'unlock', 'address_at', 'account', 'review', 'sign', 'sign_message',
  'show_words', 'change_password',
];
const LIGHT = [
  'open', 'add_account', 'watch', 'rename_account', 'nudge', 'pause', 'rescan', 'summary', 'balance', 'history',
  'transaction', 'coins', 'receive', 'create', 'speed_up', 'cancel', 'review', 'combine', 'finalise', 'broadcast',
  'rebroadcast', 'forget', 'label', 'labels_export', 'labels_import', 'freeze', 'parse_uri', 'make_uri',
  'verify_message', 'check_address', 'descriptors', 'save', 'fees',
];

export class WalletError extends Error {
  name = 'WalletError';
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

class Service {
  #service;

  constructor(service) {
    this.#service = service;
  }

  call(method, params = {}) {
    if (!this.#service) throw new WalletError('closed', 'this wallet is closed');
    let reply;
    try {
      reply = this.#service.call(JSON.stringify({ method, params }));
    } catch (error) {
      // The module stopped in the middle of something: nothing of this instance can be relied on.
      this.#service = null;
      throw new WalletError('crashed', error instanceof Error ? error.message : String(error));
    }
    const { result, error } = JSON.parse(reply);
    if (error) throw new WalletError(error.code, error.message);
    return result;
  }

  close() {
    this.#service?.free();
    this.#service = null;
  }
}

function withMethods(type, names) {
  for (const name of names) {
    const method = name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
    Object.defineProperty(type.prototype, method, {
      value(params) {
        return this.call(name, params);
      },
    });
  }
  return type;
}

/** The classes, on top of the module's bindings. */
export function classes(bindings) {
  class Signer extends Service {
    constructor() {
      super(new bindings.SignerService());
    }
  }
  class Light extends Service {
    #drive;

    constructor(options) {
      const service = new bindings.LightService();
      super(service);
      this.#drive = new Drive(service, options);
    }

    configure(params) {
      const result = this.call('configure', params);
      // The first is the one that it was made with.
      if (params.nodes) this.#drive.compareWith(params.nodes.slice(1));
      return result;
    }

    sync() {
      return this.#drive.run();
    }
  }
  return { Signer: withMethods(Signer, SIGNER), Light: withMethods(Light, LIGHT) };
}

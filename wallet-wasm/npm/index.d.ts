import type { LightMethods, News, SignerMethods } from './protocol.js';
import type { DriveOptions } from './drive.js';

export type * from './protocol.js';
export type { DriveOptions } from './drive.js';

type Camel<T extends string> = T extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : T;
type Methods = Record<string, { params: object; result: unknown }>;
/** Every method of a service as a method of a class: one object in, one out. */
type Called<M extends Methods> = {
  [K in keyof M & string as Camel<K>]: (
    ...params: Record<string, never> extends M[K]['params'] ? [params?: M[K]['params']] : [params: M[K]['params']]
  ) => M[K]['result'];
};

/** Loads the module. Without an argument it is taken from beside the package's files. */
export function ready(module?: WebAssembly.Module | BufferSource | URL | string): Promise<void>;

/** What the wallet says is wrong: `code` for programs, `message` for people. */
export class WalletError extends Error {
  constructor(code: string, message: string);
  readonly code: string;
}

/**
 * Holds the keys of one wallet. In a page it belongs in a worker of its own, which is terminated to forget them: what a
 * module had in its memory stays there until then.
 */
export interface Signer extends Called<SignerMethods> {}
export class Signer {
  constructor();
  call<K extends keyof SignerMethods>(method: K, params?: SignerMethods[K]['params']): SignerMethods[K]['result'];
  close(): void;
}

/** Follows the chain for one wallet; it never sees a key. */
export interface Light extends Called<Omit<LightMethods, 'configure'>> {}
export class Light {
  constructor(options: DriveOptions);
  call<K extends keyof LightMethods>(method: K, params?: LightMethods[K]['params']): LightMethods[K]['result'];
  configure(params: LightMethods['configure']['params']): LightMethods['configure']['result'];
  /**
   * Asks the node for all that is new. `unreachable` says that no node answered at all; `faults` what was caught.
   */
  sync(): Promise<News & { unreachable?: true }>;
  close(): void;
}

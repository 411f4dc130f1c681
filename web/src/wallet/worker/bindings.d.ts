/** What `wallet-wasm` exports; `cargo xtask web` makes it. */
declare module 'chaincore-wallet-bindings' {
  export function initSync(options: { module: WebAssembly.Module }): unknown;

  export class SignerService {
    constructor();
    call(request: string): string;
    free(): void;
  }

  export class LightService {
    constructor();
    call(request: string): string;
    give(id: number, status: number, bytes: Uint8Array): void;
    free(): void;
  }
}

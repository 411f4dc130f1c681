import type { News } from './protocol.js';

/** What a light client of the module offers to whoever fetches for it. */
export interface Driven {
  call(request: string): string;
  give(id: number, status: number, body: Uint8Array): void;
}

export interface DriveOptions {
  /** The node: `http://127.0.0.1:5000`. */
  url: string;
  /** Called after each look at what the light client wants. */
  news?: (news: News) => void;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** Runs a light client: fetches what it asks for and hands in what came. */
export class Drive {
  constructor(service: Driven, options: DriveOptions);
  /** Further nodes, whose answers are compared with those of the first. */
  compareWith(nodes: readonly string[]): void;
  /** Stops after what is on its way (true), or may go on (false). */
  stop(stopped: boolean): void;
  /**
   * Asks and answers until the light client wants nothing more. `unreachable` says that no node answered at all.
   * Throws what the module throws: after that, the service must not be used any more.
   */
  run(): Promise<News & { unreachable?: true }>;
}

/** What pages and workers say to each other. */

/** The first message to a worker. */
export interface Begin {
  begin: WebAssembly.Module;
}

export interface Call {
  id: number;
  method: string;
  params: unknown;
}

/** Tells the light worker to look for news now. */
export interface Wake {
  wake: true;
}

export type ToWorker = Begin | Call | Wake;

export type FromWorker =
  | { ready: true }
  /** The answer of the module: `{"result": …}` or `{"error": {"code", "message"}}`. */
  | { id: number; reply: string }
  /** The module trapped: the worker is of no use any more. */
  | { crash: string }
  | { news: unknown };

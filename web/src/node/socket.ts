/** A WebSocket to the node of this page that comes back by itself, after waits that grow. For pages and workers alike. */

export type Link = 'connecting' | 'live' | 'lost';

export interface Heard {
  /** The notification's name: `tip`, `mempool`, `chain`. */
  method: string;
  result: unknown;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Socket {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT;
  private calls = 0;
  private closed = false;
  private readonly wanted = new Set<string>();

  constructor(
    private readonly heard: (news: Heard) => void,
    private readonly changed: (link: Link) => void = () => undefined,
  ) {
    this.connect();
  }

  /** Subscribes, now and after each return. */
  subscribe(method: string): void {
    if (this.wanted.has(method)) return;
    this.wanted.add(method);
    this.ask(method);
  }

  /** Tries at once if it is waiting to. */
  hurry(): void {
    if (this.closed || this.socket) return;
    this.wait = FIRST_WAIT;
    this.connect();
  }

  /** Ends it for good. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private ask(method: string): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.calls += 1;
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id: this.calls, method, params: [] }));
  }

  private connect(): void {
    clearTimeout(this.timer);
    const { protocol, host } = globalThis.location;
    this.changed('connecting');
    const socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`);
    this.socket = socket;
    socket.addEventListener('open', () => {
      this.wait = FIRST_WAIT;
      this.changed('live');
      for (const method of this.wanted) this.ask(method);
    });
    socket.addEventListener('message', (event) => this.listen(String(event.data)));
    socket.addEventListener('close', () => {
      this.socket = null;
      if (this.closed) return;
      this.changed('lost');
      this.timer = setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
    });
  }

  private listen(message: string): void {
    let said: { method?: unknown; params?: { result?: unknown } };
    try {
      said = JSON.parse(message) as typeof said;
    } catch {
      return;
    }
    if (typeof said.method === 'string' && said.params) {
      this.heard({ method: said.method, result: said.params.result });
    }
  }
}

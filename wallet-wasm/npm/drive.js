// Runs a light client: fetches what it asks for, hands in what came, until it asks for nothing more.

/** Requests at a time. */
const AT_A_TIME = 6;
/** In milliseconds. */
const PATIENCE = 30_000;
/** No answer of an honest node is longer: a block, or a file of filters. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

export class Drive {
  #service;
  #options;
  #nodes;
  #running = null;
  #stopped = false;

  constructor(service, options) {
    this.#service = service;
    this.#options = options;
    this.#nodes = [options.url];
  }

  /** Which further nodes answers are compared with. */
  compareWith(nodes) {
    this.#nodes = [this.#options.url, ...nodes];
  }

  /** Stops after what is on its way, until it is told to go on. */
  stop(stopped) {
    this.#stopped = stopped;
  }

  /** Asks and answers until the light client wants nothing more; what it said last. */
  run() {
    // Who calls while it runs is answered by that run.
    this.#running ??= this.#rounds().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #rounds() {
    for (;;) {
      const now = Math.floor(Date.now() / 1000);
      const said = JSON.parse(this.#service.call(JSON.stringify({ method: 'poll', params: { now } })));
      if (said.error) throw Object.assign(new Error(said.error.message), { code: said.error.code });
      const { fetch: wanted, ...news } = said.result;
      this.#options.news?.(news);
      if (wanted.length === 0) return news;
      const answered = await this.#fetchAll(wanted);
      // A node that cannot be reached will not be there a moment later: whoever called decides when to try again.
      if (!answered) return { ...news, unreachable: true };
      if (this.#stopped) return news;
    }
  }

  /** Whether any node answered at all. */
  async #fetchAll(wanted) {
    let next = 0;
    let answered = false;
    const work = async () => {
      while (next < wanted.length) {
        const one = wanted[next++];
        const [status, body] = await this.#ask(one);
        answered ||= status !== 0;
        this.#service.give(one.id, status, body);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, wanted.length) }, work));
    return answered;
  }

  /** The status and the body; status 0 and the reason if there is no answer. */
  async #ask(wanted) {
    try {
      const base = this.#nodes[wanted.node];
      if (base === undefined) throw new Error('there is no such node');
      const response = await (this.#options.fetch ?? fetch)(base.replace(/\/$/, '') + wanted.path, {
        method: wanted.method,
        signal: AbortSignal.timeout(PATIENCE),
        credentials: 'omit',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
        ...(wanted.method === 'POST' ? { body: unhex(wanted.body) } : {}),
      });
      return [response.status, await limited(response)];
    } catch (error) {
      return [0, new TextEncoder().encode(error instanceof Error ? error.message : String(error))];
    }
  }
}

async function limited(response) {
  const parts = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (!read || read.done) break;
    length += read.value.length;
    if (length > LONGEST_ANSWER) throw new Error('the answer is too long');
    parts.push(read.value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function unhex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

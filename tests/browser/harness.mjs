// A browser on a node's own page, and everything that must never happen there: a report of the Content-Security-Policy,
// a request to anywhere else, an error that nobody caught.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

// The browser's driver is one of the web app's packages.
const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const PATIENCE = 60_000;
const BROWSER = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * With `host`, the browser knows the node by that name: to it, that is a machine on the network. `names` are further
 * ones, and the nodes that they lead to; a name has no port. `args` are the browser's, and only with `keeps` may a page
 * have a service worker: it would stand between the page and what a scenario makes of the answers.
 */
export async function open({ url, host, names = {}, args = [], keeps = false, authorization, shots, name }) {
  const executablePath = BROWSER.find((place) => place && fs.existsSync(place));
  assert(executablePath, 'there is no Chromium: `cargo xtask setup` installs it');
  const maps = Object.entries(names).map(([of, node]) => `MAP ${of} ${new URL(node).host}`);
  if (host && !names[host]) maps.push(`MAP ${host} 127.0.0.1`);
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chaincore-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [...QUIET, ...(maps.length > 0 ? [`--host-resolver-rules=${maps.join(',')}`] : []), ...args],
    serviceWorkers: keeps ? 'allow' : 'block',
    acceptDownloads: true,
    viewport: { width: 1280, height: 900 },
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const seen = !host ? url : names[host] ? `http://${host}` : url.replace('127.0.0.1', host);
  const session = new Session({ context, profile, url: seen, rpcUrl: url, authorization, shots, name });
  await session.guard();
  return session;
}

export class Session {
  constructor(parts) {
    Object.assign(this, parts);
    this.complaints = [];
    /** What a scenario provokes on purpose: complaints that contain one of these are none. */
    this.expected = [];
    this.requests = [];
    /** Origins besides the node's own that a person told the page to ask. */
    this.others = [];
  }

  complain(text) {
    if (!this.expected.some((part) => text.includes(part))) this.complaints.push(text);
  }

  async guard() {
    const { context } = this;
    context.setDefaultTimeout(PATIENCE);
    const origin = new URL(this.url).origin;
    await context.route('**/*', (route) => {
      const to = route.request().url();
      this.requests.push(to);
      if ([origin, ...this.others].includes(new URL(to).origin) || /^(data|blob):/.test(to)) return route.continue();
      this.complain(`a request to ${to}`);
      return route.abort();
    });
    await context.exposeBinding('__reported', (_, text) => this.complain(`the policy was violated: ${text}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        globalThis.__reported(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    context.on('page', (page) => this.watch(page));
    for (const page of context.pages()) this.watch(page);
  }

  watch(page) {
    page.on('pageerror', (error) => this.complain(`an error that nobody caught: ${error.stack ?? error}`));
    page.on('crash', () => this.complain('the page crashed'));
    page.on('console', (message) => {
      // Workers have no events for it: what they are refused is told here.
      // Of a header that the browser does not understand it only warns.
      if (message.type() === 'error' || message.text().includes('Permissions-Policy')) this.complain(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(this.url).host) this.complain(`a WebSocket to ${socket.url()}`);
    });
  }

  /** A page of the app, at a place such as `/wallet`. */
  async page(place = '/') {
    const page = await this.context.newPage();
    await page.goto(`${this.url}/#${place}`);
    await page.locator('main h1').first().waitFor();
    return page;
  }

  /** Calls the node as its operator does. */
  rpc(method, ...params) {
    return this.rpcOf(this.rpcUrl, this.authorization, method, params);
  }

  /** The same of another node. */
  async rpcOf(url, authorization, method, params) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = await response.json();
    assert(!error, `${method}: ${JSON.stringify(error)}`);
    return result;
  }

  /** A picture, if pictures are wanted. */
  async shot(what, page = this.context.pages().at(-1)) {
    if (!this.shots || !page) return;
    fs.mkdirSync(this.shots, { recursive: true });
    await page.screenshot({ path: path.join(this.shots, `${this.name}-${what}.png`), fullPage: true });
  }

  /** What axe-core finds on a page; must be nothing. */
  async accessible(page, what = page.url()) {
    // The policy lets no script in but through the debugger, which evaluates beside it.
    await page.evaluate(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    assert.deepEqual(found, [], `axe-core on ${what}`);
  }

  /** Whether a page can be read without scrolling sideways. */
  async fits(page) {
    const [inner, all] = await page.evaluate(() => [
      document.documentElement.clientWidth,
      document.documentElement.scrollWidth,
    ]);
    assert(all <= inner, `${page.url()} is ${all} pixels wide, in a window of ${inner}`);
  }

  async close() {
    await this.context.close();
    fs.rmSync(this.profile, { recursive: true, force: true });
    return this.complaints;
  }
}

/** Waits until `look` gives something true; what it gave. */
export async function until(look, what, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert(Date.now() < end, `waited in vain for ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until `look` gives this value. */
export async function becomes(look, wanted, what) {
  let last;
  await until(async () => (last = await look()) === wanted, () => `${what ?? 'a value'}: ${last} instead of ${wanted}`);
}

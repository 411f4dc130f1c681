// The loop that fetches for a light client, on a service and a network of the test's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Drive } from '../pkg/drive.js';

/** A service that wants `rounds` one after another and remembers what it is given. */
function service(rounds) {
  const given = [];
  return {
    given,
    call(request) {
      assert.equal(JSON.parse(request).method, 'poll');
      return JSON.stringify({ result: { fetch: rounds.shift() ?? [], progress: {}, faults: [], changed: true } });
    },
    give(id, status, body) {
      given.push([id, status, new TextDecoder().decode(body)]);
    },
  };
}

const want = (id, more = {}) => ({ id, node: 0, method: 'GET', path: `/api/${id}`, body: '', ...more });

test('it asks until nothing is wanted, and hands every answer in', async () => {
  const asked = [];
  const served = service([[want(1), want(2)], [want(3, { method: 'POST', body: '6162' })]]);
  const news = [];
  const drive = new Drive(served, {
    url: 'http://node.test/',
    news: (one) => news.push(one),
    fetch: async (url, init) => {
      asked.push([url, init.method, init.body && new TextDecoder().decode(init.body)]);
      return url.endsWith('2') ? new Response('none', { status: 404 }) : new Response(`at ${url}`);
    },
  });
  const last = await drive.run();
  assert.equal(last.unreachable, undefined);
  assert.equal(news.length, 3);
  assert.deepEqual(asked, [
    ['http://node.test/api/1', 'GET', undefined],
    ['http://node.test/api/2', 'GET', undefined],
    ['http://node.test/api/3', 'POST', 'ab'],
  ]);
  assert.deepEqual(served.given.sort(), [
    [1, 200, 'at http://node.test/api/1'],
    [2, 404, 'none'],
    [3, 200, 'at http://node.test/api/3'],
  ]);
});

test('a node that is not there ends the run', async () => {
  const served = service([[want(1)], [want(2)]]);
  const drive = new Drive(served, {
    url: 'http://node.test',
    fetch: async () => {
      throw new TypeError('connection refused');
    },
  });
  assert.equal((await drive.run()).unreachable, true);
  assert.deepEqual(served.given, [[1, 0, 'connection refused']]);
});

test('further nodes are asked where they are, and one that is not named is none', async () => {
  const served = service([[want(1, { node: 1 }), want(2, { node: 2 })]]);
  const drive = new Drive(served, { url: 'http://a.test', fetch: async (url) => new Response(url) });
  drive.compareWith(['http://b.test']);
  await drive.run();
  assert.deepEqual(served.given.sort(), [
    [1, 200, 'http://b.test/api/1'],
    [2, 0, 'there is no such node'],
  ]);
});

test('who calls while it runs gets the same run', async () => {
  const served = service([[want(1)]]);
  const drive = new Drive(served, { url: 'http://a.test', fetch: async () => new Response('x') });
  const [one, two] = [drive.run(), drive.run()];
  assert.equal(one, two);
  await one;
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { Buffer } from './buffer.js';
import { fetching } from './fetch.js';
import { ReadableStream, Request, Response } from './web.js';

/** What the host is asked for a call of `fetch`. */
async function asked(...call) {
  let seen;
  const ask = (request) => {
    seen = { ...request, body: new TextDecoder().decode(request.body), headers: Object.fromEntries(request.headers) };
    return { status: 200, headers: [], body: new Uint8Array() };
  };
  await fetching(ask, { Buffer, Request, Response })(...call);
  return seen;
}

const URL_OF_A = 'http://127.0.0.1:1/a';
const bytes = new TextEncoder().encode('hello');

test('a body is sent as the bytes it is, whatever it is given as', async () => {
  async function* parts() {
    yield 'hel';
    yield new Uint8Array([108, 111]);
  }
  const stream = new ReadableStream({ start(controller) { controller.enqueue(bytes); controller.close(); } });
  const view = new DataView(bytes.buffer, 0, 5);
  for (const body of ['hello', bytes, bytes.buffer, view, stream, parts()]) {
    assert.equal((await asked(URL_OF_A, { method: 'post', body })).body, 'hello');
  }
  assert.equal((await asked(new Request(URL_OF_A, { method: 'PUT', body: bytes.buffer }))).body, 'hello');
});

test('what stands beside a request counts more', async () => {
  const request = new Request(URL_OF_A, { method: 'POST', body: 'x', headers: { 'x-own': '1' }, redirect: 'manual' });
  const plain = await asked(request.clone());
  assert.equal(plain.method, 'POST');
  assert.equal(plain.headers['x-own'], '1');
  assert.equal(plain.headers['content-type'], 'text/plain;charset=UTF-8');
  assert.equal(new Request(request).redirect, 'manual');
  const other = await asked(request, { method: 'PATCH', body: new URLSearchParams('a=1') });
  assert.deepEqual([other.method, other.body], ['PATCH', 'a=1']);
});

test('what cannot be asked is a rejection', async () => {
  await assert.rejects(asked('nowhere'), TypeError);
  await assert.rejects(asked(URL_OF_A, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('a source is pulled once at a time, after its start, while there is room', async () => {
  let [n, started, depth] = [0, false, 0];
  const source = {
    async start() {
      await null;
      started = true;
    },
    async pull(controller) {
      assert.ok(started);
      assert.equal(depth++, 0);
      await null;
      n += 1;
      if (n <= 3) controller.enqueue(n);
      else controller.close();
      depth -= 1;
    },
  };
  const reader = new ReadableStream(source).getReader();
  const read = await Promise.all([1, 2, 3, 4].map(() => reader.read()));
  assert.deepEqual(read.map(({ value }) => value), [1, 2, 3, undefined]);
  const filled = [];
  new ReadableStream({ start(controller) { while (controller.desiredSize > 0) controller.enqueue(filled.push(1)); } });
  assert.equal(filled.length, 1);
});

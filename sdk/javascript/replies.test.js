// Requests, answers and emitters tell the same as Node's, in the same order.
import assert from 'node:assert/strict';
import NodeEvents, { once } from 'node:events';
import nodeHttp from 'node:http';
import test from 'node:test';
import { events } from './events.js';
import { clients } from './http.js';
import { stream } from './pipelines.js';
import { ServerResponse } from './replies.js';
import { zlib } from './zlib.js';

const codeOf = (promise) => promise.then(() => 'well', (error) => error.code);

const heardOf = (request) => {
  const told = [];
  for (const name of ['socket', 'prefinish', 'finish', 'response', 'error', 'abort', 'close']) request.on(name, () => told.push(`${name} ${name === 'response' && request.destroyed}`));
  request.on('response', (answer) => answer.on('end', () => told.push('end')).resume());
  return new Promise((resolve) => request.on('close', resolve)).then(() => new Promise((resolve) => setTimeout(resolve, 2, told)));
};

test('requests tell what becomes of them in the order of Node', { timeout: 5000 }, async () => {
  const server = nodeHttp.createServer((request, answer) => (request.url === '/bad' ? request.socket.destroy() : answer.end('hi'))).listen(0);
  await once(server, 'listening');
  const { http } = clients(({ url }) => {
    if (url.endsWith('/bad')) throw { payload: 'HttpRequestFailed' };
    return { status: 200, headers: [], body: Buffer.from('hi') };
  });
  const stories = [(one) => one('/').end(), (one) => one('/bad').end(), (one) => one('/').destroy(new Error('own')), (one) => { const made = one('/'); made.abort(); return made; }];
  for (const story of stories) {
    const [nodesOwn, ours] = await Promise.all([nodeHttp, http].map((module) => heardOf(story((path) => module.request(`http://localhost:${server.address().port}${path}`)))));
    assert.deepEqual(ours, nodesOwn, String(story));
  }
  server.close();
});

test('an answer of a server is finished once it has ended', { timeout: 5000 }, async () => {
  const answer = new ServerResponse({ method: 'GET' });
  let isFinished = false;
  stream.finished(answer, () => (isFinished = true));
  await new Promise(setImmediate);
  assert.equal(isFinished, false);
  await stream.promises.pipeline(stream.Readable.from(['a', 'b']), answer);
  assert.deepEqual([isFinished, answer.writableFinished], [true, true]);
  assert.equal(await codeOf(stream.promises.finished(answer)), 'well');
  const broken = new ServerResponse({ method: 'GET' });
  setImmediate(() => broken.destroy());
  assert.equal(await codeOf(stream.promises.pipeline(new stream.Readable({ read() {} }), broken)), 'ERR_STREAM_PREMATURE_CLOSE');
});

test('Brotli is not there, by name neither', () => {
  assert.deepEqual(Object.keys(zlib).filter((name) => /brotli/i.test(name)), []);
});

test('emitters are waited for, iterated and mixed in as in Node', async () => {
  for (const Emitter of [NodeEvents, events]) {
    const [emitter, calling] = [new Emitter(), new AbortController()];
    const [first, failed] = [Emitter.once(emitter, 'x'), Emitter.once(emitter, 'y').catch((error) => error.message)];
    emitter.emit('x', 1, 2);
    emitter.emit('error', new Error('bad'));
    assert.deepEqual([await first, await failed, emitter.eventNames()], [[1, 2], 'bad', []]);
    const parts = Emitter.on(emitter, 'x', { signal: calling.signal });
    for (const value of [1, 2]) emitter.emit('x', value);
    setImmediate(() => calling.abort());
    const seen = [];
    assert.equal(await codeOf((async () => { for await (const part of parts) seen.push(part); })()), 'ABORT_ERR');
    assert.deepEqual([seen, emitter.eventNames()], [[[1], [2]], []]);
    const mixed = Object.assign({}, Emitter.prototype);
    mixed.on('x', (value) => seen.push(value)).emit('x', 3);
    assert.equal(seen.at(-1), 3);
  }
});

test('what collects an answer by the methods of ServerResponse finds its body where there is one, as in Node', () => {
  const collected = (Base, method, status) => {
    class Kept extends Base {
      parts = [];
      write(part, ...more) {
        super.write(part, ...more);
        if (this._hasBody) this.parts.push(String(part));
        return true;
      }
    }
    const kept = new Kept({ method, httpVersionMajor: 1, httpVersionMinor: 1, headers: {} });
    kept.writeHead(status);
    kept.write('body');
    return kept.parts;
  };
  for (const [method, status] of [['GET', 200], ['POST', 201], ['HEAD', 200], ['GET', 204], ['GET', 304]]) {
    assert.deepEqual(collected(ServerResponse, method, status), collected(nodeHttp.ServerResponse, method, status), `${method} ${status}`);
  }
});

test('a server that frameworks make and never start has what they set on it', async () => {
  const { http } = clients(() => {});
  const server = http.createServer({}, () => {});
  assert.equal(server.setTimeout(1), server);
  await new Promise((resolve) => server.close(resolve));
});

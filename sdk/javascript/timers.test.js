// What waits, reads lines and asserts does as in Node.
import nodeAssert from 'node:assert/strict';
import nodeReadline from 'node:readline';
import { Readable as NodeReadable } from 'node:stream';
import * as nodeTimers from 'node:timers/promises';
import test from 'node:test';
import { assert } from './events.js';
import { Headers as OwnHeaders } from './fetch.js';
import { readline } from './lines.js';
import { Readable } from './streams.js';
import { timers } from './timers.js';

Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

const failed = (promise) => promise.then((value) => value, ({ name, code, message }) => ({ name, code, message }));

test('waiting is called off, and goes on again and again', async () => {
  const told = [];
  for (const one of [timers, nodeTimers]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    let count = 0;
    for await (const value of one.setInterval(1, 'v')) if (value === 'v' && ++count > 2) break;
    await one.scheduler.wait(1);
    told.push([
      await failed(one.setTimeout(60_000, 'x', { signal: controller.signal })),
      await failed(one.setTimeout(60_000, 'x', { signal: AbortSignal.abort() })),
      await failed(one.setImmediate('x', { signal: AbortSignal.abort() })),
      await one.setTimeout(1, 'x', { signal: new AbortController().signal }),
      await one.setImmediate('y'),
      count,
    ]);
  }
  nodeAssert.deepEqual(told[0], told[1]);
});

test('lines are read from a stream however it is cut', async () => {
  for (const parts of [['a\nb', '\nc'], ['a\r', '\nb\r\n'], ['é\n\n', 'x'], ['one'], [], [Buffer.from('ü\n').subarray(0, 1), Buffer.from('ü\n').subarray(1)], ['a\rb\n']]) {
    const told = [];
    for (const [module, Kind] of [[readline, Readable], [nodeReadline, NodeReadable]]) {
      const lines = [];
      for await (const line of module.createInterface({ input: Kind.from(parts), crlfDelay: Infinity })) lines.push(line);
      const events = [];
      const reader = module.createInterface({ input: Kind.from(parts), crlfDelay: Infinity });
      reader.on('line', (line) => events.push(line));
      await new Promise((resolve) => reader.on('close', resolve));
      told.push([lines, events]);
    }
    nodeAssert.deepEqual(told[0], told[1], JSON.stringify(parts));
  }
  const reader = readline.createInterface({ input: Readable.from(['a\nb\nc\n']) });
  for await (const line of reader) if (line === 'b') break;
  nodeAssert.equal(reader.closed, true);
});

test('streams are mapped, filtered and summed', async () => {
  const uses = [
    (stream) => stream.map(async (x) => x * 2).filter((x) => x > 2).toArray(),
    (stream) => stream.flatMap((x) => [x, x]).drop(1).take(3).toArray(),
    (stream) => stream.reduce((sum, x) => sum + x),
    (stream) => stream.reduce(async (sum, x) => sum + x, 5),
    (stream) => stream.some((x) => x === 2),
    (stream) => stream.every((x) => x < 3),
    (stream) => stream.find(async (x) => x > 1),
    (stream) => stream.forEach(() => {}),
    (stream) => failed(stream.map(() => { throw new TypeError('no'); }).toArray()),
  ];
  for (const use of uses) nodeAssert.deepEqual(await use(Readable.from([1, 2, 3])), await use(NodeReadable.from([1, 2, 3])), String(use));
});

test('assertions hold or fail as in Node', async () => {
  const boom = () => { throw new TypeError('boom'); };
  const uses = [
    (it) => it.throws(boom), (it) => it.throws(boom, TypeError), (it) => it.throws(boom, /boom/), (it) => it.throws(boom, { message: 'boom' }),
    (it) => it.throws(boom, RangeError), (it) => it.throws(boom, /other/), (it) => it.throws(boom, { message: 'x' }), (it) => it.throws(boom, (error) => error.message === 'boom'),
    (it) => it.throws(() => {}), (it) => it.doesNotThrow(() => {}), (it) => it.doesNotThrow(boom), (it) => it.rejects(Promise.reject(new Error('y')), /y/),
    (it) => it.rejects(async () => boom(), TypeError), (it) => it.rejects(Promise.resolve()), (it) => it.doesNotReject(Promise.resolve()),
    (it) => it.doesNotReject(Promise.reject(new Error('y'))), (it) => it.ifError(null), (it) => it.ifError(new Error('z')), (it) => it.notDeepStrictEqual({ a: 1 }, { a: 1 }),
    (it) => it.notDeepEqual({ a: 1 }, { a: 2 }), (it) => it.doesNotMatch('abc', /b/),
  ];
  for (const use of uses) {
    const [ours, nodes] = await Promise.all([assert, nodeAssert].map(async (it) => use(it)).map((it) => it.then(() => 'held', () => 'failed')));
    nodeAssert.equal(ours, nodes, String(use));
  }
});

test('headers tell cookies one by one, in the order of their names', () => {
  const told = [OwnHeaders, Headers].map((Kind) => {
    const headers = new Kind({ b: '1', A: '2' });
    for (const value of ['x=1', 'y=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT']) headers.append('Set-Cookie', value);
    headers.append('a', '3');
    return [[...headers], headers.getSetCookie(), headers.get('set-cookie'), [...headers.keys()], [...headers.values()]];
  });
  nodeAssert.deepEqual(told[0], told[1]);
});

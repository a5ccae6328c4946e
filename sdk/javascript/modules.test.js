// Addresses, events, clones and requests are what they are in Node.
import assert from 'node:assert/strict';
import nodeQuery from 'node:querystring';
import test from 'node:test';
import nodeUrl from 'node:url';
import { assert as own, events } from './events.js';
import { clients } from './http.js';
import { URL as Address, URLSearchParams as Parameters, querystring, url } from './url.js';
import { Request as OwnRequest, Response as OwnResponse } from './web.js';
import { format, structuredClone as clone, util } from './util.js';

Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

test('addresses are taken apart and put together as by Node', () => {
  const members = ['href', 'protocol', 'host', 'hostname', 'port', 'pathname', 'search', 'hash', 'origin', 'username', 'password'];
  const whole = [
    'https://a.example/x/y?b=1&c=2#z', 'http://A.example:80', 'https://u:p@h.example:8443/a b/../c?q=é x#é', 'http://[::1]:3000/', 'mailto:a@b.c',
    'https://x.example/a/./b/..', 's3://bucket/key/a', 'https://x/%7Ba%7D?x=%20+', 'https://h/a//b', 'file:///tmp/x',
  ];
  for (const one of whole) for (const member of members) assert.equal(new Address(one)[member], new URL(one)[member], `${one} ${member}`);
  for (const place of ['y', '/y', '../y', '?q', '//o/x', '#h', 'https://z/']) {
    for (const base of ['https://a/b/c/d?x', 'https://u:p@a:8443/b/c/d?x']) assert.equal(new Address(place, base).href, new URL(place, base).href, place);
  }
  for (const bad of ['', 'x', 'http://', 'http://a:99999', '/a']) assert.throws(() => new Address(bad), { code: 'ERR_INVALID_URL' });
  for (const place of ['./d.json', 'a b.txt', '../up/x', '/abs', '#h', '']) {
    assert.equal(new Address(place, 'file:///var/task/lib/index.mjs').href, new URL(place, 'file:///var/task/lib/index.mjs').href, place);
  }
  for (const at of ['file:///var/task/a%20b.json', new Address('file:///x/%C3%A9')]) assert.equal(url.fileURLToPath(at), nodeUrl.fileURLToPath(String(at)));
  for (const at of ['/a b/c.json', '/a#b?c%']) assert.equal(url.pathToFileURL(at).href, nodeUrl.pathToFileURL(at).href);
  assert.throws(() => url.fileURLToPath('https://a/x'), { code: 'ERR_INVALID_URL_SCHEME' });
  const uses = [
    (_, P) => String(new P({ a: "x y&'()~!*", b: 1 })),
    (_, P) => [...new P('a=1&b=2&a=%20+&c')],
    (U) => {
      const address = new U('https://a/?x=1');
      address.searchParams.set('x', 2);
      address.searchParams.append('y', 'ü');
      return address.href;
    },
  ];
  for (const use of uses) assert.deepEqual(use(Address, Parameters), use(URL, URLSearchParams), String(use));
  assert.deepEqual(querystring.parse('a=1&a=2&b=%20'), nodeQuery.parse('a=1&a=2&b=%20'));
  assert.equal(querystring.stringify({ a: [1, 2], b: 'x y' }), nodeQuery.stringify({ a: [1, 2], b: 'x y' }));
  const [ours, nodes] = [url, nodeUrl].map((module) => module.parse('https://x.example:81/p?q=1', true));
  for (const member of ['host', 'pathname', 'path', 'search']) assert.equal(ours[member], nodes[member]);
  for (const one of ['http://u:p%40@x.example:80/p', 'https://x.example', 'https://u@x.example:444?q', '/p?q', 'https://x.example/a:7']) {
    for (const member of ['protocol', 'host', 'hostname', 'port', 'auth', 'pathname', 'search']) assert.equal(url.parse(one)[member], nodeUrl.parse(one)[member], `${one} ${member}`);
  }
  const parts = [
    { pathname: '/a', query: { x: 1, y: 'a b' } }, { protocol: 'https', host: 'ex.com', pathname: 'a', query: { a: 1 } }, { protocol: 'mailto:', pathname: 'a@b.c' },
    { protocol: 'https:', hostname: 'h', port: 8, pathname: '/p', search: '?q', hash: 'z' }, { host: 'h', pathname: '/x' }, 'http://x/y',
  ];
  for (const one of parts) assert.equal(url.format(one), nodeUrl.format(one), JSON.stringify(one));
  for (const [base, place] of [['http://a/b/c', 'd'], ['/one/two', 'three'], ['/a', 'http://z/q'], ['/one', '../two']]) assert.equal(url.resolve(base, place), nodeUrl.resolve(base, place));
  assert.deepEqual(ours.query, nodes.query);
});

test('events are told, once or always, and errors that nobody wants are thrown', () => {
  const [emitter, seen] = [new events(), []];
  emitter.on('x', (value) => seen.push(value)).once('x', (value) => seen.push(value * 2));
  emitter.emit('x', 1);
  emitter.emit('x', 2);
  assert.deepEqual(seen, [1, 2, 2]);
  assert.throws(() => emitter.emit('error', new Error('lost')), /lost/);
});

test('assertions say what they compared', () => {
  own.deepStrictEqual({ a: [1, { b: new Date(0) }] }, { a: [1, { b: new Date(0) }] });
  assert.throws(() => own.deepStrictEqual({ a: 1 }, { a: '1' }), { message: '{"a":1} is not like {"a":"1"}', code: 'ERR_ASSERTION' });
  assert.throws(() => own(0), { message: '0 is not true' });
});

test('values are cloned whole and shown as JSON', () => {
  const value = { at: new Date(0), by: new Map([['a', new Set([1])]]), bytes: new Uint8Array([1]) };
  value.own = value;
  assert.deepEqual(clone(value), structuredClone(value));
  assert.equal(format('%s has %d', 'a', '2', value), 'a has 2 {"at":"1970-01-01T00:00:00.000Z","by":{"a":[1]},"bytes":{"0":1},"own":"[Circular]"}');
  assert.equal(format(undefined, null, 1n, { a: 2n }), 'undefined null 1 {"a":"2n"}');
  assert.ok(util.isDeepStrictEqual({ a: 1 }, { a: 1 }));
});

test('a request is asked when it ends, and its answer is told', async () => {
  const asked = [];
  const ask = (request) => {
    asked.push({ ...request, body: Buffer.from(request.body).toString() });
    if (request.url.includes('closed')) throw { payload: 'HttpRequestDenied' };
    return { status: 201, headers: [['x-a', '1'], ['set-cookie', 'b=c']], body: Buffer.from('{"ok":true}') };
  };
  const { https, http } = clients(ask);
  const told = await new Promise((resolve) => {
    const request = https.request({ hostname: 'hooks.example', path: '/t?x=1', method: 'POST', headers: { 'X-Tag': 'red', 'Content-Length': 4 } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part) => (body += part)).on('end', () => resolve([answer.statusCode, answer.headers, body]));
    });
    request.write('bo');
    request.end('dy');
  });
  assert.deepEqual(told, [201, { 'x-a': '1', 'set-cookie': ['b=c'] }, '{"ok":true}']);
  assert.deepEqual(asked, [{ method: 'POST', url: 'https://hooks.example/t?x=1', headers: [['x-tag', 'red']], body: 'body' }]);
  const failed = await new Promise((resolve) => http.get('http://closed.example/', () => resolve()).on('error', resolve));
  assert.equal(failed.message, 'HttpRequestDenied, GET http://closed.example/');
});

test('requests and answers of the web are what they are in browsers', async () => {
  const answers = [
    (R) => new R('é', { status: 201, headers: { 'X-A': 'b' } }).text(), (R) => R.json({ a: 1 }).json(), (R) => R.json({}).headers.get('content-type'), (R) => new R(null, { status: 204 }).text(),
    async (R) => { const parts = []; for await (const part of new R('abc').body) parts.push(...part); return parts; },
    async (R) => { const one = new R('twice'); return [await one.clone().text(), await one.text(), one.bodyUsed]; },
    async (R) => { const one = new R('once'); await one.text(); return one.text().catch((error) => error.name); },
    (R) => R.redirect('https://a/').status, (R) => new R(new URLSearchParams({ a: 'b' })).headers.get('content-type'),
  ];
  for (const use of answers) assert.deepEqual(await use(OwnResponse), await use(Response), String(use));
  const requests = [
    (R) => new R('https://a/b', { method: 'post', body: '{"a":1}' }).json(), (R) => new R('https://a/b').method, (R) => new R('https://a').url,
    (R) => new R(new R('https://a/', { method: 'PUT', headers: { b: 'c' }, body: 'x' })).headers.get('b'), (R) => new R('https://a/', { method: 'POST', body: 'a=1' }).headers.get('content-type'),
  ];
  for (const use of requests) assert.deepEqual(await use(OwnRequest), await use(Request), String(use));
});

test('servers answer through what they are handed', async () => {
  const { http } = clients(() => {});
  const written = [];
  const answer = new http.ServerResponse({ method: 'GET' });
  answer.assignSocket({ write: (part) => written.push(String(part)) });
  answer.setHeader('Content-Type', 'text/plain');
  answer.statusCode = 404;
  answer.write('no ');
  answer.end('page');
  await new Promise((resolve) => answer.on('finish', resolve));
  assert.equal(written.join(''), 'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno page');
  assert.throws(() => answer.setHeader('a', 'b'), { code: 'ERR_HTTP_HEADERS_SENT' });
  assert.throws(() => http.createServer(() => {}).listen(80), /http.listen is not there: nothing listens in a sandbox; export the handler/);
});

test('http/2 asks the same', async () => {
  const { http2 } = clients(({ method, url, headers, body }) => ({ status: 200, headers: [['x-a', '1']], body: Buffer.from(JSON.stringify([method, url, headers, Buffer.from(body).toString()])) }));
  const asked = http2.connect('https://kinesis.example').request({ ':method': 'POST', ':path': '/?a=1', Host: 'x', 'X-Amz-Target': 'Kinesis.PutRecord' });
  const head = new Promise((resolve) => asked.on('response', resolve));
  asked.end('{}');
  assert.deepEqual(await head, { ':status': 200, 'x-a': '1' });
  assert.equal(String(Buffer.concat(await asked.toArray())), '["POST","https://kinesis.example/?a=1",[["x-amz-target","Kinesis.PutRecord"]],"{}"]');
});

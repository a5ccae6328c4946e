// Node's `http` and `https`: for clients, over what `network` grants, where a request is asked as a whole when it ends; and what servers
// answer with, for handlers that are made of one. Nothing listens.

import { absent } from './absent.js';
import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { http2 } from './http2.js';
import { IncomingMessage, METHODS, OutgoingMessage, STATUS_CODES, ServerResponse } from './replies.js';
import { Writable } from './streams.js';
import { URL } from './url.js';

/** What the host writes down itself. */
const OWN = ['host', 'content-length', 'connection', 'transfer-encoding', 'expect'];

/** The answer of the host, whole, as a stream. */
function answerOf({ status, headers, body }) {
  const answer = new IncomingMessage();
  Object.assign(answer, { statusCode: status, statusMessage: STATUS_CODES[status] ?? '', complete: true });
  for (const [name, value] of headers) {
    const known = answer.headers[name];
    if (name === 'set-cookie') answer.headers[name] = [...(known ?? []), value];
    else answer.headers[name] = known === undefined ? value : `${known}, ${value}`;
    answer.rawHeaders.push(name, value);
  }
  const bytes = Buffer.from(body);
  if (bytes.length > 0) answer.push(bytes);
  answer.push(null);
  return answer;
}

class ClientRequest extends Writable {
  #ask;
  #parts = [];
  #headers = new Map();
  #isConnected = false;
  constructor(ask, method, url, headers) {
    // It is closed when its answer is.
    super({ autoDestroy: false });
    this.#ask = ask;
    const { host, pathname, search, protocol } = new URL(url);
    Object.assign(this, { method, url, host, protocol, path: pathname + search, reusedSocket: false, aborted: false });
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.setHeader(name, value);
    // Some wait for it.
    this.socket = Object.assign(new EventEmitter(), { connecting: false, encrypted: protocol === 'https:', setKeepAlive() {}, setTimeout() {}, setNoDelay() {}, unref() {}, ref() {}, destroy() {} });
    globalThis.queueMicrotask(() => {
      if (this.destroyed) return;
      this.#isConnected = true;
      this.emit('socket', this.socket);
    });
  }
  setHeader(name, value) { this.#headers.set(String(name).toLowerCase(), [value].flat().join(', ')); }
  getHeader(name) { return this.#headers.get(String(name).toLowerCase()); }
  getHeaders() { return Object.fromEntries(this.#headers); }
  hasHeader(name) { return this.#headers.has(String(name).toLowerCase()); }
  removeHeader(name) { this.#headers.delete(String(name).toLowerCase()); }
  /** The function's own timeout holds. */
  setTimeout() { return this; }
  setNoDelay() {}
  setSocketKeepAlive() {}
  flushHeaders() {}
  abort() {
    if (this.aborted) return;
    this.aborted = true;
    this.destroy();
    globalThis.queueMicrotask(() => this.emit('abort'));
  }
  _write(part, encoding, back) {
    this.#parts.push(part);
    back();
  }
  _final(back) {
    back();
    // Who asks says what is to become of the answer behind this call.
    globalThis.setImmediate(() => this.#run());
  }
  _destroy(error, back) {
    const isTold = this.res || (this.aborted && !this.#isConnected);
    back(error ?? (isTold ? undefined : Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })));
  }
  #close() {
    this.destroyed = true;
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  }
  #run() {
    if (this.destroyed) return;
    const headers = [...this.#headers].filter(([name]) => !OWN.includes(name));
    let answer;
    try {
      answer = answerOf(this.#ask({ method: this.method, url: this.url, headers, body: Buffer.concat(this.#parts) }));
    } catch (refusal) {
      const cause = refusal?.payload ?? refusal?.message ?? String(refusal);
      this.destroy(Object.assign(new Error(`${cause}, ${this.method} ${this.url}`), { code: cause }));
      return;
    }
    answer.req = this;
    this.res = answer;
    answer.on('end', () => (this.destroyed = true)).on('close', () => this.#close());
    if (!this.emit('response', answer)) answer.resume();
  }
}

/** The address that the parts of Node's options make. */
function addressOf(scheme, options) {
  if (typeof options === 'string' || options instanceof URL) return { url: new URL(options).href, options: {} };
  const { hostname, host, port, path = '/', auth } = options;
  const name = hostname ?? String(host ?? 'localhost').replace(/:\d+$/, '');
  const own = port ?? /:(\d+)$/.exec(hostname ? '' : host ?? '')?.[1];
  const headers = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return { url: new URL(`${options.protocol ?? scheme}//${name}${own ? `:${own}` : ''}${path}`).href, options: { ...options, headers: { ...headers, ...options.headers } } };
}

function client(scheme, ask) {
  class Agent extends EventEmitter {
    sockets = {};
    freeSockets = {};
    requests = {};
    protocol = scheme;
    constructor(options = {}) {
      super();
      Object.assign(this, { options, keepAlive: Boolean(options.keepAlive), maxSockets: options.maxSockets ?? Infinity, maxFreeSockets: 256 });
    }
    destroy() {}
  }
  const request = (...values) => {
    const back = typeof values.at(-1) === 'function' ? values.pop() : undefined;
    const { url, options } = addressOf(scheme, values[0]);
    const { method, headers = {} } = { ...options, ...values[1] };
    const made = new ClientRequest(ask, (method ?? 'GET').toUpperCase(), url.replace(/#.*/, ''), headers);
    if (back) made.once('response', back);
    return made;
  };
  const get = (...values) => {
    const made = request(...values);
    made.end();
    return made;
  };
  class Server extends EventEmitter {
    constructor(options, handler = options) {
      super();
      if (typeof handler === 'function') this.on('request', handler);
    }
    setTimeout() { return this; }
    close(back) {
      if (back) globalThis.queueMicrotask(back);
      return this;
    }
  }
  Object.assign(Server.prototype, absent(scheme.replace(':', ''), {}, 'listen', 'nothing listens in a sandbox; export the handler'));
  return {
    request, get, Agent, globalAgent: new Agent(), ClientRequest, IncomingMessage, OutgoingMessage, ServerResponse, Server, METHODS, STATUS_CODES,
    createServer: (...values) => new Server(...values), maxHeaderSize: 16384, validateHeaderName() {}, validateHeaderValue() {},
  };
}

/** `ask` is what the host has. */
export function clients(ask) {
  return { http: client('http:', ask), https: client('https:', ask), http2: http2(ask) };
}

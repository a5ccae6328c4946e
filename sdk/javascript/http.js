// Node's `http` and `https` for clients, over what `network` grants: a request is asked as a whole when it ends, and its answer is
// told at once.

import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { URL } from './url.js';

class Answer extends EventEmitter {
  complete = true;
  #body;
  #encoding;
  constructor({ status, headers, body }) {
    super();
    this.statusCode = status;
    this.statusMessage = '';
    this.headers = {};
    for (const [name, value] of headers) {
      const known = this.headers[name];
      if (name === 'set-cookie') this.headers[name] = [...(known ?? []), value];
      else this.headers[name] = known === undefined ? value : `${known}, ${value}`;
    }
    this.#body = Buffer.from(body);
  }
  setEncoding(encoding) {
    this.#encoding = encoding;
    return this;
  }
  resume() { return this; }
  tell() {
    if (this.#body.length > 0) this.emit('data', this.#encoding ? this.#body.toString(this.#encoding) : this.#body);
    this.emit('end');
    this.emit('close');
  }
  [Symbol.asyncIterator]() {
    const parts = this.#body.length > 0 ? [this.#encoding ? this.#body.toString(this.#encoding) : this.#body] : [];
    return { next: () => Promise.resolve(parts.length > 0 ? { value: parts.shift(), done: false } : { value: undefined, done: true }) };
  }
}

class Request extends EventEmitter {
  #ask;
  #parts = [];
  #headers = new Map();
  #state = 'open';
  constructor(ask, method, url, headers) {
    super();
    this.#ask = ask;
    Object.assign(this, { method, url });
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
  }
  setHeader(name, value) { this.#headers.set(String(name).toLowerCase(), [value].flat().join(', ')); }
  getHeader(name) { return this.#headers.get(String(name).toLowerCase()); }
  removeHeader(name) { this.#headers.delete(String(name).toLowerCase()); }
  /** The function's own timeout holds. */
  setTimeout() { return this; }
  setNoDelay() {}
  setSocketKeepAlive() {}
  flushHeaders() {}
  abort() { this.destroy(); }
  destroy(error) {
    this.#state = 'ended';
    if (error) queueMicrotask(() => this.emit('error', error));
    return this;
  }
  write(data, encoding) {
    this.#parts.push(typeof data === 'string' ? Buffer.from(data, encoding?.charAt ? encoding : 'utf8') : Buffer.from(data));
    return true;
  }
  end(data, encoding) {
    if (data !== undefined && typeof data !== 'function') this.write(data, encoding);
    // Who asks says what is to become of the answer behind this call.
    setImmediate(() => this.#run());
    return this;
  }
  #run() {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    // The host writes down how long the body is and to whom it goes.
    const headers = [...this.#headers].filter(([name]) => !['host', 'content-length', 'connection', 'transfer-encoding'].includes(name));
    let answer;
    try {
      answer = new Answer(this.#ask({ method: this.method, url: this.url, headers, body: Buffer.concat(this.#parts) }));
    } catch (refusal) {
      const cause = refusal?.payload ?? refusal?.message ?? String(refusal);
      this.emit('error', Object.assign(new Error(`${cause}, ${this.method} ${this.url}`), { code: cause }));
      return;
    }
    this.emit('response', answer);
    setImmediate(() => answer.tell());
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

class Agent {}

function client(scheme, ask) {
  const request = (...values) => {
    const back = typeof values.at(-1) === 'function' ? values.pop() : undefined;
    const { url, options } = addressOf(scheme, values[0]);
    const { method = 'GET', headers = {} } = { ...options, ...values[1] };
    const made = new Request(ask, method.toUpperCase(), url.replace(/#.*/, ''), headers);
    if (back) made.once('response', back);
    return made;
  };
  return { request, get: (...values) => request(...values).end(), Agent, globalAgent: new Agent() };
}

/** `ask` is what the host has. */
export function clients(ask) {
  return { http: client('http:', ask), https: client('https:', ask) };
}

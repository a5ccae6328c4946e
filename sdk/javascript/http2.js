// Node's `http2` for clients: the same requests as those of `http`, which the host asks in its own way.

import { absent } from './absent.js';
import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { Duplex } from './streams.js';
import { URL } from './url.js';

const constants = {
  HTTP2_HEADER_METHOD: ':method', HTTP2_HEADER_PATH: ':path', HTTP2_HEADER_STATUS: ':status', HTTP2_HEADER_AUTHORITY: ':authority', HTTP2_HEADER_SCHEME: ':scheme',
  HTTP2_HEADER_CONTENT_TYPE: 'content-type', HTTP2_HEADER_CONTENT_LENGTH: 'content-length', NGHTTP2_NO_ERROR: 0, NGHTTP2_INTERNAL_ERROR: 2, NGHTTP2_REFUSED_STREAM: 7, NGHTTP2_CANCEL: 8,
};

class Exchange extends Duplex {
  #parts = [];
  constructor(ask, authority, headers) {
    super({ read() {} });
    Object.assign(this, { ask, authority, headers, aborted: false, rstCode: 0, pending: false });
  }
  setTimeout() { return this; }
  close(code = 0, back) {
    this.rstCode = code;
    if (back) this.once('close', back);
    this.destroy();
  }
  _write(part, _, back) {
    this.#parts.push(part);
    back();
  }
  _final(back) {
    back();
    globalThis.setImmediate(() => this.#run());
  }
  #run() {
    if (this.destroyed) return;
    const named = Object.entries(this.headers);
    const { ':method': method = 'GET', ':path': path = '/' } = this.headers;
    const headers = named.filter(([name]) => !name.startsWith(':') && !['host', 'content-length', 'connection'].includes(name.toLowerCase()));
    const url = new URL(path, this.authority).href;
    let answer;
    try {
      answer = this.ask({ method, url, headers: headers.map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]), body: Buffer.concat(this.#parts) });
    } catch (refusal) {
      const cause = refusal?.payload ?? refusal?.message ?? String(refusal);
      this.destroy(Object.assign(new Error(`${cause}, ${method} ${url}`), { code: cause }));
      return;
    }
    this.emit('response', { ':status': answer.status, ...Object.fromEntries(answer.headers) }, 0);
    if (answer.body.length > 0) this.push(Buffer.from(answer.body));
    this.push(null);
  }
}

class Session extends EventEmitter {
  closed = false;
  destroyed = false;
  constructor(ask, authority) {
    super();
    Object.assign(this, { ask, authority });
    globalThis.queueMicrotask(() => this.emit('connect', this, {}));
  }
  request(headers, options) {
    const made = new Exchange(this.ask, this.authority, headers);
    if (options?.endStream || ((headers[':method'] ?? 'GET') === 'GET' && options?.endStream !== false)) made.end();
    return made;
  }
  settings(_, back) {
    if (back) globalThis.queueMicrotask(() => back(null));
  }
  ref() {}
  unref() {}
  setTimeout() { return this; }
  ping(...values) {
    globalThis.queueMicrotask(() => values.at(-1)(null, 0));
    return true;
  }
  close(back) {
    if (back) this.once('close', back);
    this.destroy();
  }
  destroy(error) {
    if (this.destroyed) return;
    [this.destroyed, this.closed] = [true, true];
    if (error) this.emit('error', error);
    this.emit('close');
  }
}

/** `ask` is what the host has. */
export function http2(ask) {
  const connect = (authority, ...rest) => {
    const made = new Session(ask, new URL(String(authority?.href ?? authority)).origin);
    const back = rest.find((one) => typeof one === 'function');
    if (back) made.once('connect', back);
    return made;
  };
  return absent('http2', { connect, constants, sensitiveHeaders: Symbol('nodejs.http2.sensitiveHeaders') }, 'createServer createSecureServer', 'nothing listens in a sandbox; export the handler');
}

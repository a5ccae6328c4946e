// `Request`, `Response` and streams as browsers and Node have them: frameworks for functions take apart and make such.

import { Buffer } from './buffer.js';
import { Headers } from './fetch.js';
import { Blob, FormData, sent } from './forms.js';

const promised = (call) => new globalThis.Promise((resolve) => resolve(call()));

/** A stream of parts that are there, or come from `pull`; one reader takes them. */
export class ReadableStream {
  locked = false;
  #parts = [];
  #state = 'open';
  #failure;
  #waiting = [];
  #source;
  #begun;
  #isPulled = false;
  constructor(source = {}) {
    this.#source = source;
    const room = () => (this.#state === 'open' ? 1 - this.#parts.length : 0);
    this.controller = {
      get desiredSize() { return room(); },
      enqueue: (part) => this.#told(() => this.#parts.push(part)),
      close: () => this.#told(() => (this.#state = 'closed')),
      error: (error) => this.#told(() => ([this.#state, this.#failure] = ['failed', error])),
    };
    this.#begun = source.start?.(this.controller);
    this.#begun?.then?.(undefined, this.controller.error);
  }
  static from(values) {
    const given = values[Symbol.asyncIterator]?.() ?? values[Symbol.iterator]();
    return new ReadableStream({ pull: (controller) => promised(() => given.next()).then(({ value, done }) => (done ? controller.close() : controller.enqueue(value))) });
  }
  #told(change) {
    change();
    for (const wake of this.#waiting.splice(0)) wake();
  }
  #next() {
    if (this.#parts.length > 0) return globalThis.Promise.resolve({ value: this.#parts.shift(), done: false });
    if (this.#state === 'failed') return globalThis.Promise.reject(this.#failure);
    if (this.#state === 'closed') return globalThis.Promise.resolve({ value: undefined, done: true });
    const come = new globalThis.Promise((resolve) => this.#waiting.push(() => resolve(this.#next())));
    this.#pull();
    return come;
  }
  /** One after another, and none before the start is over. */
  #pull() {
    if (!this.#source.pull || this.#isPulled) return;
    this.#isPulled = true;
    const again = () => {
      this.#isPulled = false;
      if (this.#waiting.length > 0 && this.#state === 'open') this.#pull();
    };
    promised(() => this.#begun).then(() => this.#source.pull(this.controller)).then(again, this.controller.error);
  }
  getReader() {
    if (this.locked) throw new TypeError('Invalid state: ReadableStream is locked');
    this.locked = true;
    return {
      read: () => this.#next(),
      releaseLock: () => void (this.locked = false),
      cancel: (reason) => this.cancel(reason),
    };
  }
  cancel(reason) {
    this.#told(() => ([this.#state, this.#parts] = ['closed', []]));
    return promised(() => this.#source.cancel?.(reason));
  }
  tee() {
    const reader = this.getReader();
    const sides = [];
    const pull = () => reader.read().then(({ value, done }) => sides.forEach((side) => (done ? side.controller.close() : side.controller.enqueue(value))));
    sides.push(new ReadableStream({ pull }), new ReadableStream({ pull }));
    return sides;
  }
  [Symbol.asyncIterator]() {
    const reader = this.getReader();
    return {
      next: () => reader.read(),
      return: () => reader.cancel().then(() => ({ value: undefined, done: true })),
      [Symbol.asyncIterator]() { return this; },
    };
  }
}

/** What a body may be given as: its bytes, or a stream of them, and what kind it is by itself. */
function given(body) {
  if (body == null) return { bytes: undefined };
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: 'text/plain;charset=UTF-8' };
  if (body.constructor?.name === 'URLSearchParams') return { bytes: Buffer.from(String(body)), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    return { bytes: Buffer.from(ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : new Uint8Array(body)) };
  }
  if (body instanceof Blob) return { bytes: body.held, type: body.type };
  if (body instanceof FormData) return sent(body);
  if (typeof body.getReader === 'function') return { stream: body };
  if (typeof body[Symbol.asyncIterator] === 'function') return { stream: ReadableStream.from(body) };
  return { bytes: Buffer.from(String(body)), type: 'text/plain;charset=UTF-8' };
}

class Body {
  #bytes;
  #stream;
  bodyUsed = false;
  constructor(body, headers) {
    this.headers = new Headers(headers);
    const { bytes, stream, type } = given(body);
    [this.#bytes, this.#stream] = [bytes, stream];
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
  }
  get body() {
    if (this.#bytes === undefined) return this.#stream ?? null;
    const bytes = this.#bytes;
    this.#stream ??= new ReadableStream({ start(controller) { if (bytes.length > 0) controller.enqueue(new Uint8Array(bytes)); controller.close(); } });
    return this.#stream;
  }
  #all() {
    return promised(() => {
      if (this.bodyUsed || this.#stream?.locked) throw new TypeError('Body is unusable: Body has already been read');
      this.bodyUsed = this.#bytes !== undefined || this.#stream !== undefined;
      if (this.#bytes !== undefined || this.#stream === undefined) return this.#bytes ?? Buffer.alloc(0);
      const [reader, parts] = [this.#stream.getReader(), []];
      const next = () => reader.read().then(({ value, done }) => (done ? Buffer.concat(parts) : parts.push(typeof value === 'string' ? Buffer.from(value) : value) && next()));
      return next();
    });
  }
  text() { return this.#all().then((bytes) => bytes.toString()); }
  json() { return this.text().then((text) => JSON.parse(text.replace(/^\uFEFF/, ''))); }
  bytes() { return this.#all().then((bytes) => new Uint8Array(bytes)); }
  blob() { return this.bytes().then((bytes) => new Blob([bytes], { type: this.headers.get('content-type') ?? '' })); }
  arrayBuffer() { return this.bytes().then((bytes) => bytes.buffer); }
  formData() {
    return this.text().then((text) => {
      if (!/urlencoded/.test(this.headers.get('content-type') ?? '')) throw new TypeError('formData is there for application/x-www-form-urlencoded only');
      return new globalThis.URLSearchParams(text);
    });
  }
  /** Both may be read. */
  copied() {
    if (this.bodyUsed) throw new TypeError('Response.clone: Body has already been consumed.');
    if (this.#bytes !== undefined || this.#stream === undefined) return this.#bytes;
    const [own, other] = this.#stream.tee();
    this.#stream = own;
    return other;
  }
}

export class Request extends Body {
  constructor(target, init = {}) {
    const from = target instanceof Request ? target : undefined;
    super(init.body ?? (init.body === undefined ? from?.copied() : undefined), init.headers ?? from?.headers);
    const { method = from?.method ?? 'GET', redirect = from?.redirect ?? 'follow' } = init;
    const signal = init.signal ?? from?.signal ?? new globalThis.AbortController().signal;
    Object.assign(this, { method: method.toUpperCase(), url: from?.url ?? new globalThis.URL(String(target?.href ?? target)).href, redirect, signal, credentials: 'same-origin', cache: 'default', mode: 'cors' });
  }
  clone() { return new Request(this); }
}

export class Response extends Body {
  constructor(body, { status = 200, statusText = '', headers } = {}) {
    super(body, headers);
    Object.assign(this, { status, statusText, ok: status >= 200 && status < 300, redirected: false, type: 'default', url: '' });
  }
  clone() { return Object.assign(new Response(this.copied(), this), { url: this.url, redirected: this.redirected }); }
  static json(value, init = {}) {
    const made = new Response(JSON.stringify(value), init);
    if (!new Headers(init.headers).has('content-type')) made.headers.set('content-type', 'application/json');
    return made;
  }
  static redirect(url, status = 302) { return new Response(null, { status, headers: { location: String(url) } }); }
  static error() { return Object.assign(new Response(null), { type: 'error', status: 0, ok: false }); }
}

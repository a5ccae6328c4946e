// Requests and answers as servers of Node see them: frameworks for servers run in functions, which hand them such a pair.

import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';
import { Readable, Stream } from './streams.js';

export const METHODS = 'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'.split(' ');
const REASONS = `100 Continue|101 Switching Protocols|200 OK|201 Created|202 Accepted|203 Non-Authoritative Information|204 No Content|205 Reset Content|206 Partial Content|207 Multi-Status|300 Multiple Choices|301 Moved Permanently|302 Found|303 See Other|304 Not Modified|307 Temporary Redirect|308 Permanent Redirect|400 Bad Request|401 Unauthorized|402 Payment Required|403 Forbidden|404 Not Found|405 Method Not Allowed|406 Not Acceptable|407 Proxy Authentication Required|408 Request Timeout|409 Conflict|410 Gone|411 Length Required|412 Precondition Failed|413 Payload Too Large|414 URI Too Long|415 Unsupported Media Type|416 Range Not Satisfiable|417 Expectation Failed|418 I'm a Teapot|421 Misdirected Request|422 Unprocessable Entity|423 Locked|424 Failed Dependency|425 Too Early|426 Upgrade Required|428 Precondition Required|429 Too Many Requests|431 Request Header Fields Too Large|451 Unavailable For Legal Reasons|500 Internal Server Error|501 Not Implemented|502 Bad Gateway|503 Service Unavailable|504 Gateway Timeout|505 HTTP Version Not Supported|507 Insufficient Storage|511 Network Authentication Required`;
export const STATUS_CODES = Object.fromEntries(REASONS.split('|').map((line) => [line.slice(0, 3), line.slice(4)]));

/** A request to a server, or the answer to a client. */
export function IncomingMessage(socket = new EventEmitter()) {
  Readable.call(this, { read() {} });
  Object.assign(this, { socket, headers: {}, rawHeaders: [], trailers: {}, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, complete: false, aborted: false, url: '', method: null });
}
Object.setPrototypeOf(IncomingMessage, Readable);
Object.setPrototypeOf(IncomingMessage.prototype, Readable.prototype);
Object.assign(IncomingMessage.prototype, { setTimeout() { return this; } });
Object.defineProperty(IncomingMessage.prototype, 'connection', {
  configurable: true,
  get() { return this.socket; },
  set(socket) { this.socket = socket; },
});

export function OutgoingMessage() {
  Stream.call(this);
  Object.assign(this, { writable: true, finished: false, destroyed: false, closed: false, sendDate: true, socket: null, _header: null, _headers: new Map(), _hasBody: true, writableFinished: false });
}
Object.setPrototypeOf(OutgoingMessage, Stream);
Object.setPrototypeOf(OutgoingMessage.prototype, Stream.prototype);
Object.defineProperties(OutgoingMessage.prototype, Object.getOwnPropertyDescriptors({
  setHeader(name, value) {
    if (this.headersSent) throw Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' });
    this._headers.set(String(name).toLowerCase(), { name, value });
    return this;
  },
  appendHeader(name, value) {
    const known = this.getHeader(name);
    return this.setHeader(name, known === undefined ? value : [known, value].flat());
  },
  setHeaders(headers) {
    for (const [name, value] of headers) this.setHeader(name, value);
    return this;
  },
  getHeader(name) { return this._headers.get(String(name).toLowerCase())?.value; },
  getHeaders() { return Object.fromEntries([...this._headers].map(([key, { value }]) => [key, value])); },
  getHeaderNames() { return [...this._headers.keys()]; },
  hasHeader(name) { return this._headers.has(String(name).toLowerCase()); },
  removeHeader(name) { this._headers.delete(String(name).toLowerCase()); },
  get headersSent() { return Boolean(this._header); },
  get writableEnded() { return this.finished; },
  get connection() { return this.socket; },
  assignSocket(socket) { this.socket = socket; },
  detachSocket() { this.socket = null; },
  flushHeaders() {
    if (!this._header) this._implicitHeader();
    this._sendHeader();
  },
  _sendHeader() {
    if (this._headerSent) return;
    this._headerSent = true;
    this.socket?.write(this._header, 'latin1');
  },
  cork() {},
  uncork() {},
  setTimeout() { return this; },
  write(part, encoding, back) {
    if (this.finished) throw Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
    this.flushHeaders();
    if (this._hasBody && part.length > 0) this.socket?.write(typeof part === 'string' ? Buffer.from(part, typeof encoding === 'string' ? encoding : 'utf8') : part);
    const call = typeof encoding === 'function' ? encoding : back;
    if (call) globalThis.queueMicrotask(call);
    return true;
  },
  end(...values) {
    if (this.finished) return this;
    const [part, encoding] = values;
    if (part != null && typeof part !== 'function') this.write(part, typeof encoding === 'string' ? encoding : undefined);
    else this.flushHeaders();
    const back = values.find((one) => typeof one === 'function');
    if (back) this.once('finish', back);
    [this.finished, this.writable] = [true, false];
    globalThis.queueMicrotask(() => {
      if (this.closed) return;
      this.emit('prefinish');
      this.writableFinished = true;
      this.emit('finish');
      this._close();
    });
    return this;
  },
  _close() {
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  },
  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error;
    if (error) this.emit('error', error);
    this._close();
    return this;
  },
}));

export function ServerResponse(request) {
  OutgoingMessage.call(this);
  Object.assign(this, { req: request, statusCode: 200, statusMessage: undefined, _hasBody: request?.method !== 'HEAD' });
}
Object.setPrototypeOf(ServerResponse, OutgoingMessage);
Object.setPrototypeOf(ServerResponse.prototype, OutgoingMessage.prototype);
Object.assign(ServerResponse.prototype, {
  _implicitHeader() {
    this.writeHead(this.statusCode);
  },
  writeHead(status, reason, headers) {
    if (this.headersSent) throw Object.assign(new Error('Cannot write headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' });
    const more = typeof reason === 'string' ? headers : reason ?? headers;
    this.statusCode = status;
    if (status === 204 || status === 304) this._hasBody = false;
    this.statusMessage = typeof reason === 'string' ? reason : this.statusMessage ?? STATUS_CODES[status] ?? 'unknown';
    const pairs = Array.isArray(more) ? more.flat().reduce((all, one, at, flat) => (at % 2 ? all : [...all, [one, flat[at + 1]]]), []) : Object.entries(more ?? {});
    for (const [name, value] of pairs) OutgoingMessage.prototype.setHeader.call(this, name, value);
    const lines = [...this._headers.values()].flatMap(({ name, value }) => [value].flat().map((one) => `${name}: ${one}\r\n`));
    this._header = `HTTP/1.1 ${status} ${this.statusMessage}\r\n${lines.join('')}\r\n`;
    return this;
  },
  writeContinue() {},
  writeProcessing() {},
});

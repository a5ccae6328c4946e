// `Blob`, `File` and `FormData` as browsers and Node have them: bytes with a kind, and what forms send.

import { Buffer } from './buffer.js';

const bytesOf = (part) => {
  if (part instanceof Blob) return part.held;
  if (part instanceof ArrayBuffer) return Buffer.from(new Uint8Array(part));
  return ArrayBuffer.isView(part) ? Buffer.from(new Uint8Array(part.buffer, part.byteOffset, part.byteLength)) : Buffer.from(String(part));
};
const promised = (call) => new globalThis.Promise((resolve) => resolve(call()));

export class Blob {
  #held;
  constructor(parts = [], { type = '' } = {}) {
    this.#held = Buffer.concat([...parts].map(bytesOf));
    this.type = String(type).toLowerCase();
  }
  /** What it is made of, not to be changed. */
  get held() { return this.#held; }
  get size() { return this.#held.length; }
  text() { return promised(() => this.#held.toString()); }
  bytes() { return promised(() => new Uint8Array(this.#held)); }
  arrayBuffer() { return this.bytes().then((bytes) => bytes.buffer); }
  slice(from, to, type = '') { return new Blob([this.#held.slice(from, to)], { type }); }
  stream() { return new globalThis.Response(this).body; }
}

export class File extends Blob {
  constructor(parts, name, options = {}) {
    super(parts, options);
    this.name = String(name);
    this.lastModified = options.lastModified ?? Date.now();
    this.webkitRelativePath = '';
  }
}

export class FormData {
  #entries = [];
  #entry(name, value, filename) {
    if (!(value instanceof Blob)) return [String(name), String(value)];
    if (value instanceof File && filename === undefined) return [String(name), value];
    return [String(name), new File([value], filename ?? 'blob', { type: value.type })];
  }
  append(...entry) { this.#entries.push(this.#entry(...entry)); }
  set(...entry) {
    const made = this.#entry(...entry);
    const at = this.#entries.findIndex(([name]) => name === made[0]);
    if (at < 0) this.#entries.push(made);
    else this.#entries = this.#entries.map((one, place) => (place === at ? made : one)).filter(([name], place) => place <= at || name !== made[0]);
  }
  get(name) { return this.#entries.find(([own]) => own === name)?.[1] ?? null; }
  getAll(name) { return this.#entries.filter(([own]) => own === name).map(([, value]) => value); }
  has(name) { return this.#entries.some(([own]) => own === name); }
  delete(name) { this.#entries = this.#entries.filter(([own]) => own !== name); }
  forEach(call) { for (const [name, value] of this) call(value, name, this); }
  keys() { return this.#entries.map(([name]) => name).values(); }
  values() { return this.#entries.map(([, value]) => value).values(); }
  entries() { return this.#entries.map((entry) => [...entry]).values(); }
  [Symbol.iterator]() { return this.entries(); }
}

const quoted = (text) => text.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22');
const lines = (text) => text.replace(/\r?\n|\r/g, '\r\n');

/** A form as it is sent, with the kind that says where its parts end. */
export function sent(form) {
  const boundary = `----formdata-${Math.random().toString(36).slice(2).padEnd(12, '0')}`;
  const parts = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(name))}"`;
    if (!(value instanceof Blob)) parts.push(`${head}\r\n\r\n${lines(value)}\r\n`);
    else parts.push(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`, value.held, '\r\n');
  }
  parts.push(`--${boundary}--\r\n`);
  return { bytes: Buffer.concat(parts.map(bytesOf)), type: `multipart/form-data; boundary=${boundary}` };
}

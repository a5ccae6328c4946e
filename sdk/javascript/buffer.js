// As much of Node's Buffer as handlers of events use.

import { ALIASES, READ, SHOWN, coding, text, utf8 } from './coding.js';

export class Buffer extends Uint8Array {
  /** `new Buffer(text, encoding)` is how handlers were written before there was `Buffer.from`. */
  constructor(value, encoding, length) {
    if (typeof value === 'string') return Buffer.from(value, encoding);
    if (Array.isArray(value)) return Buffer.from(value);
    super(value, encoding, length);
  }
  static from(value, encoding, length) {
    // Bytes that nobody else has become a Buffer themselves, which takes half as long as a view of them.
    if (typeof value === 'string') return Object.setPrototypeOf(coding(READ, encoding)(value), Buffer.prototype);
    if (value instanceof ArrayBuffer) return new Buffer(value, encoding ?? 0, length);
    if (value?.type === 'Buffer') return Buffer.from(value.data);
    return Buffer.view(Uint8Array.from(value));
  }
  static view(bytes) {
    return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  static alloc(size, fill, encoding) {
    const buffer = new Buffer(size);
    return fill === undefined ? buffer : buffer.fill(fill, 0, size, encoding);
  }
  static allocUnsafe(size) {
    return new Buffer(size);
  }
  static isEncoding(name) {
    const key = String(name).toLowerCase();
    return READ.has(ALIASES[key] ?? key);
  }
  static compare(one, other) {
    return one.compare(other);
  }
  static isBuffer(value) {
    return value instanceof Buffer;
  }
  static byteLength(value, encoding) {
    return typeof value === 'string' ? coding(READ, encoding)(value).length : value.byteLength;
  }
  static concat(parts, total = parts.reduce((sum, part) => sum + part.length, 0)) {
    const all = new Buffer(total);
    let at = 0;
    for (const part of parts) {
      all.set(part.subarray(0, total - at), at);
      at += part.length;
    }
    return all;
  }
  toString(encoding, start = 0, end = this.length) {
    return coding(SHOWN, encoding)(Uint8Array.prototype.subarray.call(this, start, end));
  }
  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  }
  equals(other) {
    return this.compare(other) === 0;
  }
  compare(other) {
    const shared = Math.min(this.length, other.length);
    for (let at = 0; at < shared; at++) if (this[at] !== other[at]) return this[at] < other[at] ? -1 : 1;
    return Math.sign(this.length - other.length);
  }
  /** As in Node, a view and no copy. */
  slice(start, end) {
    return this.subarray(start, end);
  }
  write(value, at = 0, length = this.length - at, encoding = 'utf8') {
    if (typeof at === 'string') return this.write(value, 0, this.length, at);
    if (typeof length === 'string') return this.write(value, at, this.length - at, length);
    const bytes = coding(READ, encoding)(value).subarray(0, Math.min(length, this.length - at));
    this.set(bytes, at);
    return bytes.length;
  }
  copy(target, at = 0, start = 0, end = this.length) {
    const part = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  }
  fill(value, start = 0, end = this.length, encoding = 'utf8') {
    if (typeof value === 'number') return super.fill(value, start, end);
    const pattern = typeof value === 'string' ? coding(READ, encoding)(value) : value;
    if (pattern.length === 0) return super.fill(0, start, end);
    for (let at = start; at < end; at++) this[at] = pattern[(at - start) % pattern.length];
    return this;
  }
  indexOf(value, start = 0, encoding = 'utf8') {
    if (typeof value === 'number') return super.indexOf(value & 255, start);
    const wanted = typeof value === 'string' ? coding(READ, encoding)(value) : value;
    for (let at = Math.max(start, 0); at + wanted.length <= this.length; at++) {
      if (wanted.every((byte, index) => this[at + index] === byte)) return at;
    }
    return -1;
  }
  includes(value, start, encoding) {
    return this.indexOf(value, start, encoding) >= 0;
  }
}

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const NUMBERS = {
  UInt8: ['Uint8', 1], Int8: ['Int8', 1], UInt16: ['Uint16', 2], Int16: ['Int16', 2], UInt32: ['Uint32', 4], Int32: ['Int32', 4],
  Float: ['Float32', 4], Double: ['Float64', 8], BigUInt64: ['BigUint64', 8], BigInt64: ['BigInt64', 8],
};
for (const [name, [kind, size]] of Object.entries(NUMBERS)) {
  for (const order of size === 1 ? [''] : ['LE', 'BE']) {
    const [read, write, isLittle] = [`get${kind}`, `set${kind}`, order === 'LE'];
    const methods = {
      [`read${name}${order}`](at = 0) { return view(this)[read](at, isLittle); },
      [`write${name}${order}`](value, at = 0) {
        view(this)[write](at, value, isLittle);
        return at + size;
      },
    };
    Object.assign(Buffer.prototype, methods);
    if (name.includes('UInt')) for (const [key, method] of Object.entries(methods)) Buffer.prototype[key.replace('UInt', 'Uint')] = method;
  }
}

// As much of Node's Buffer as handlers of events use.

import { ALIASES, READ, SHOWN, coding, text, utf8 } from './coding.js';

/** `new Buffer(text, encoding)`, with and without `new`, is how handlers were written before there was `Buffer.from`. */
export function Buffer(value, encoding, length) {
  if (typeof value === 'number') return made(value);
  if (new.target !== undefined && value instanceof ArrayBuffer) return made(value, encoding, length);
  return Buffer.from(value, encoding, length);
}

/** Bytes of their own, zeros, or those of somebody else. */
const made = (...values) => Reflect.construct(Uint8Array, values, Buffer);

const statics = {
  // A function of its own: `new Buffer.from(..)` is written by mistake and works in Node.
  from: function from(value, encoding, length) {
    // Bytes that nobody else has become a Buffer themselves, which takes half as long as a view of them.
    if (typeof value === 'string') return Object.setPrototypeOf(coding(READ, encoding)(value), Buffer.prototype);
    if (value instanceof ArrayBuffer) return new Buffer(value, encoding ?? 0, length);
    if (value?.type === 'Buffer') return Buffer.from(value.data);
    return Buffer.view(Uint8Array.from(value));
  },
  view(bytes) {
    return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  },
  alloc(size, fill, encoding) {
    const buffer = new Buffer(size);
    return fill === undefined ? buffer : buffer.fill(fill, 0, size, encoding);
  },
  allocUnsafe: (size) => new Buffer(size),
  allocUnsafeSlow: (size) => new Buffer(size),
  of: (...values) => Buffer.from(values),
  isEncoding(name) {
    const key = String(name).toLowerCase();
    return READ.has(ALIASES[key] ?? key);
  },
  compare(one, other) {
    return one.compare(other);
  },
  isBuffer(value) {
    return value instanceof Buffer;
  },
  byteLength(value, encoding) {
    return typeof value === 'string' ? coding(READ, encoding)(value).length : value.byteLength;
  },
  concat(parts, total = parts.reduce((sum, part) => sum + part.length, 0)) {
    const all = new Buffer(total);
    let at = 0;
    for (const part of parts) {
      all.set(part.subarray(0, total - at), at);
      at += part.length;
    }
    return all;
  },
};

const methods = {
  toString(encoding, start = 0, end = this.length) {
    return coding(SHOWN, encoding)(Uint8Array.prototype.subarray.call(this, start, end));
  },
  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  },
  equals(other) {
    return this.compare(other) === 0;
  },
  compare(other) {
    const shared = Math.min(this.length, other.length);
    for (let at = 0; at < shared; at++) if (this[at] !== other[at]) return this[at] < other[at] ? -1 : 1;
    return Math.sign(this.length - other.length);
  },
  /** As in Node, a view and no copy. */
  slice(start, end) {
    return this.subarray(start, end);
  },
  write(value, at = 0, length = this.length - at, encoding = 'utf8') {
    if (typeof at === 'string') return this.write(value, 0, this.length, at);
    if (typeof length === 'string') return this.write(value, at, this.length - at, length);
    const bytes = coding(READ, encoding)(value).subarray(0, Math.min(length, this.length - at));
    this.set(bytes, at);
    return bytes.length;
  },
  copy(target, at = 0, start = 0, end = this.length) {
    const part = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  },
  fill(value, start = 0, end = this.length, encoding = 'utf8') {
    if (typeof value === 'number') return Uint8Array.prototype.fill.call(this, value, start, end);
    const pattern = typeof value === 'string' ? coding(READ, encoding)(value) : value;
    if (pattern.length === 0) return Uint8Array.prototype.fill.call(this, 0, start, end);
    for (let at = start; at < end; at++) this[at] = pattern[(at - start) % pattern.length];
    return this;
  },
  indexOf(value, start = 0, encoding = 'utf8') {
    if (typeof value === 'number') return Uint8Array.prototype.indexOf.call(this, value & 255, start);
    const wanted = typeof value === 'string' ? coding(READ, encoding)(value) : value;
    for (let at = Math.max(start, 0); at + wanted.length <= this.length; at++) {
      if (wanted.every((byte, index) => this[at + index] === byte)) return at;
    }
    return -1;
  },
  lastIndexOf(value, start = this.length, encoding = 'utf8') {
    if (typeof value === 'number') return Uint8Array.prototype.lastIndexOf.call(this, value & 255, start);
    const wanted = typeof value === 'string' ? coding(READ, encoding)(value) : value;
    for (let at = Math.min(start, this.length - wanted.length); at >= 0; at--) {
      if (wanted.every((byte, index) => this[at + index] === byte)) return at;
    }
    return -1;
  },
  readUIntBE(at, size) {
    return this.subarray(at, at + size).reduce((value, byte) => value * 256 + byte, 0);
  },
  readUIntLE(at, size) {
    return this.subarray(at, at + size).reduceRight((value, byte) => value * 256 + byte, 0);
  },
  readIntBE(at, size) {
    return signed(this.readUIntBE(at, size), size);
  },
  readIntLE(at, size) {
    return signed(this.readUIntLE(at, size), size);
  },
  writeUIntBE(value, at, size) {
    for (let byte = at + size - 1; byte >= at; byte--, value = Math.floor(value / 256)) this[byte] = value;
    return at + size;
  },
  writeUIntLE(value, at, size) {
    for (let byte = at; byte < at + size; byte++, value = Math.floor(value / 256)) this[byte] = value;
    return at + size;
  },
  swap16() {
    return swapped(this, 2);
  },
  swap32() {
    return swapped(this, 4);
  },
  swap64() {
    return swapped(this, 8);
  },
  includes(value, start, encoding) {
    return this.indexOf(value, start, encoding) >= 0;
  },
};

const signed = (value, size) => (value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value);

function swapped(buffer, size) {
  if (buffer.length % size !== 0) throw Object.assign(new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`), { code: 'ERR_INVALID_BUFFER_SIZE' });
  for (let at = 0; at < buffer.length; at += size) Uint8Array.prototype.subarray.call(buffer, at, at + size).reverse();
  return buffer;
}

// Packages look for these, which Node has beside `toString` and `write`.
for (const encoding of ['utf8', 'latin1', 'ascii', 'hex', 'base64', 'base64url', 'ucs2']) {
  methods[`${encoding}Slice`] = function (start, end) { return this.toString(encoding, start, end); };
  methods[`${encoding}Write`] = function (value, at, length) { return this.write(value, at, length, encoding); };
}
for (const order of ['BE', 'LE']) {
  methods[`writeInt${order}`] = function (value, at, size) { return this[`writeUInt${order}`](value < 0 ? value + 2 ** (size * 8) : value, at, size); };
}

Object.setPrototypeOf(Buffer, Uint8Array);
Object.setPrototypeOf(Buffer.prototype, Uint8Array.prototype);
Object.assign(Buffer, statics, { poolSize: 8192 });
for (const [name, value] of Object.entries(methods)) Object.defineProperty(Buffer.prototype, name, { value, writable: true, configurable: true });

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

// As much of Node's Buffer as handlers of events use.

import { ALIASES, READ, SHOWN, coding } from './coding.js';

const coded = (Kind, code, message) => Object.assign(new Kind(message), { code });

/** What was given, in the words of Node's errors. */
function received(value) {
  if (value == null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return `type ${typeof value} (${typeof value === 'string' ? `'${value}'` : String(value)})`;
}

/** An argument that is none `of` what is expected. */
export const wrongType = (name, expected, value) =>
  coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" argument must be ${expected}. Received ${received(value)}`);

const spaced = (value) => (Number.isInteger(value) && Math.abs(value) > 2 ** 32) || typeof value === 'bigint' ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : String(value);

export const outOfRange = (name, range, value) =>
  coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "${name}" is out of range. It must be ${range}. Received ${spaced(value)}${typeof value === 'bigint' ? 'n' : ''}`);

const BYTES = 'an instance of Buffer or Uint8Array';

function checkBytes(name, value) {
  if (!(value instanceof Uint8Array)) throw wrongType(name, BYTES, value);
}

/** A place that counts from the beginning. */
function checkOffset(name, value, most = 2 ** 32) {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0 || value > most) throw outOfRange(name, `>= 0 && <= ${most}`, value);
}

/** A text as bytes. */
function read(value, encoding) {
  if (typeof encoding !== 'string' || encoding === '') return coding(READ)(value);
  return coding(READ, encoding)(encoding.toLowerCase() === 'hex' ? rightHex(value) : value);
}

/** Up to the first pair that is none. */
function rightHex(value) {
  const wrong = value.search(/[^0-9a-f]/i);
  return wrong < 0 ? value : value.slice(0, wrong - (wrong % 2));
}

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
    if (typeof value === 'string') return Object.setPrototypeOf(read(value, encoding), Buffer.prototype);
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
    checkBytes('buf1', one);
    checkBytes('buf2', other);
    return order(one, other);
  },
  isBuffer(value) {
    return value instanceof Buffer;
  },
  byteLength(value, encoding) {
    return typeof value === 'string' ? read(value, encoding).length : value.byteLength;
  },
  concat(parts, total) {
    if (!Array.isArray(parts)) throw wrongType('list', 'an instance of Array', parts);
    const wrong = parts.findIndex((part) => !(part instanceof Uint8Array));
    if (wrong >= 0) throw wrongType(`list[${wrong}]`, BYTES, parts[wrong]);
    if (total !== undefined) checkOffset('length', total);
    const all = new Buffer(total ?? parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      if (at >= all.length) break;
      all.set(at + part.length > all.length ? part.subarray(0, all.length - at) : part, at);
      at += part.length;
    }
    return all;
  },
};

const methods = {
  toString(encoding, start = 0, end = this.length) {
    return coding(SHOWN, encoding)(part(this, Math.max(start, 0), Math.max(end, 0)));
  },
  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  },
  equals(other) {
    checkBytes('otherBuffer', other);
    return order(this, other) === 0;
  },
  compare(other, start = 0, end = other?.length, ownStart = 0, ownEnd = this.length) {
    checkBytes('target', other);
    checkOffset('targetStart', start);
    checkOffset('targetEnd', end, other.length);
    checkOffset('sourceStart', ownStart);
    checkOffset('sourceEnd', ownEnd, this.length);
    return order(part(this, ownStart, ownEnd), part(other, start, end));
  },
  /** As in Node, a view and no copy. */
  slice(start, end) {
    return this.subarray(start, end);
  },
  write(value, at = 0, length = this.length - at, encoding = 'utf8') {
    if (typeof at === 'string') return this.write(value, 0, this.length, at);
    if (typeof length === 'string') return this.write(value, at, this.length - at, length);
    const bytes = read(value, encoding).subarray(0, Math.min(length, this.length - at));
    this.set(bytes, at);
    return bytes.length;
  },
  copy(target, at, start, end = this.length) {
    checkBytes('target', target);
    const [to, from, until] = [at, start, end].map(whole);
    if (to < 0) throw outOfRange('targetStart', '>= 0', to);
    if (from < 0 || from > this.length) throw outOfRange('sourceStart', `>= 0 && <= ${this.length}`, from);
    if (until < 0) throw outOfRange('sourceEnd', '>= 0', until);
    if (to >= target.length) return 0;
    const copied = part(this, from, Math.min(until, from + target.length - to));
    target.set(copied, to);
    return copied.length;
  },
  fill(value, start, end, encoding) {
    if (typeof start === 'string') return this.fill(value, 0, this.length, start);
    if (typeof end === 'string') return this.fill(value, start, this.length, end);
    const [from, until] = start === undefined ? [0, this.length] : [start, end ?? this.length];
    checkOffset('offset', from);
    checkOffset('end', until, this.length);
    if (value === '' || (typeof value !== 'string' && !ArrayBuffer.isView(value))) return Uint8Array.prototype.fill.call(this, value & 255, from, until);
    const pattern = typeof value === 'string' ? read(value, encoding) : bytesOf(value);
    if (pattern.length === 0) throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'value' is invalid. Received ${typeof value === 'string' ? `'${value}'` : received(value)}`);
    for (let at = from; at < until; at++) this[at] = pattern[(at - from) % pattern.length];
    return this;
  },
  indexOf(value, start, encoding) {
    if (typeof start === 'string') return this.indexOf(value, 0, start);
    const [wanted, from] = [sought(value, encoding), placeOf(start, 0, this.length)];
    if (wanted.length === 0) return Math.min(Math.max(from, 0), this.length);
    const next = (at) => Uint8Array.prototype.indexOf.call(this, wanted[0], at);
    for (let at = next(Math.max(from, 0)); at >= 0; at = next(at + 1)) if (isAt(this, wanted, at)) return at;
    return -1;
  },
  lastIndexOf(value, start, encoding) {
    if (typeof start === 'string') return this.lastIndexOf(value, undefined, start);
    const [wanted, from] = [sought(value, encoding), placeOf(start, this.length, this.length)];
    for (let at = Math.min(from, this.length - wanted.length); at >= 0; at--) if (isAt(this, wanted, at)) return at;
    return -1;
  },
  readUIntBE(at, size) {
    checkNumber(this, at, size);
    return part(this, at, at + size).reduce((value, byte) => value * 256 + byte, 0);
  },
  readUIntLE(at, size) {
    checkNumber(this, at, size);
    return part(this, at, at + size).reduceRight((value, byte) => value * 256 + byte, 0);
  },
  readIntBE(at, size) {
    return signed(this.readUIntBE(at, size), size);
  },
  readIntLE(at, size) {
    return signed(this.readUIntLE(at, size), size);
  },
  writeUIntBE(value, at, size) {
    checkSize(size);
    checkValue(value, size, UNSIGNED[size]);
    return bigEndian(this, value, at, size);
  },
  writeUIntLE(value, at, size) {
    checkSize(size);
    checkValue(value, size, UNSIGNED[size]);
    return littleEndian(this, value, at, size);
  },
  writeIntBE(value, at, size) {
    checkSize(size);
    checkValue(value, size, SIGNED[size]);
    return bigEndian(this, unsigned(value, size), at, size);
  },
  writeIntLE(value, at, size) {
    checkSize(size);
    checkValue(value, size, SIGNED[size]);
    return littleEndian(this, unsigned(value, size), at, size);
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

const part = (bytes, start, end) => Uint8Array.prototype.subarray.call(bytes, start, end);
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Which comes first: -1, 0 or 1. */
function order(one, other) {
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at++) if (one[at] !== other[at]) return one[at] < other[at] ? -1 : 1;
  return Math.sign(one.length - other.length);
}

const whole = (value) => Math.floor(value) || 0;

/** What is looked for, as bytes. */
function sought(value, encoding) {
  if (typeof value === 'number') return [value & 255];
  if (typeof value === 'string') return read(value, encoding);
  if (value instanceof Uint8Array) return value;
  throw wrongType('value', `one of type number or string or ${BYTES}`, value);
}

/** Where a search begins: a negative place counts from the end, and what is no number is `otherwise`. */
function placeOf(start, otherwise, length) {
  const at = start === undefined || Number.isNaN(Number(start)) ? otherwise : Math.trunc(start);
  return at < 0 ? at + length : at;
}

function isAt(bytes, wanted, at) {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

const signed = (value, size) => (value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value);
const unsigned = (value, size) => (value < 0 ? Number(value) + 2 ** (size * 8) : value);

function bigEndian(buffer, value, at, size) {
  checkPlace(buffer, at, size);
  for (let byte = at + size - 1, rest = Math.trunc(value); byte >= at; byte--, rest = Math.floor(rest / 256)) buffer[byte] = rest;
  return at + size;
}

function littleEndian(buffer, value, at, size) {
  checkPlace(buffer, at, size);
  for (let byte = at, rest = Math.trunc(value); byte < at + size; byte++, rest = Math.floor(rest / 256)) buffer[byte] = rest;
  return at + size;
}

/** The least and the most of a number of as many bytes; `as` makes either kind of number. */
function limits(size, isSigned, as = Number) {
  const bits = BigInt(size * 8 - (isSigned ? 1 : 0));
  return [as(isSigned ? -(2n ** bits) : 0n), as(2n ** bits - 1n)];
}

const [UNSIGNED, SIGNED] = [false, true].map((isSigned) => [0, 1, 2, 3, 4, 5, 6].map((size) => (size === 0 ? [] : limits(size, isSigned))));

function checkValue(value, size, [least, most]) {
  if (!(value > most || value < least)) return;
  const unit = typeof most === 'bigint' ? 'n' : '';
  const bits = size * 8 - (least < 0 ? 1 : 0);
  const wide = `>= ${least < 0 ? `-(2${unit} ** ${bits}${unit})` : `0${unit}`} and < 2${unit} ** ${bits}${unit}`;
  throw outOfRange('value', size > 4 ? wide : `>= ${least} and <= ${most}`, typeof most === 'bigint' ? value : Number(value));
}

/** A number of as many bytes stands whole at a place. */
function checkPlace(buffer, at, size) {
  const most = buffer.length - size;
  if (at >>> 0 === at && at <= most) return;
  if (typeof at !== 'number') throw wrongType('offset', 'of type number', at);
  if (!Number.isInteger(at)) throw outOfRange('offset', 'an integer', at);
  if (most < 0) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
  throw outOfRange('offset', `>= 0 and <= ${most}`, at);
}

function checkSize(size) {
  if (typeof size !== 'number') throw wrongType('byteLength', 'of type number', size);
  if (!Number.isInteger(size)) throw outOfRange('byteLength', 'an integer', size);
  if (size < 1 || size > 6) throw outOfRange('byteLength', '>= 1 and <= 6', size);
}

function checkNumber(buffer, at, size) {
  if (at === undefined) throw wrongType('offset', 'of type number', at);
  checkSize(size);
  checkPlace(buffer, at, size);
}

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
Object.setPrototypeOf(Buffer, Uint8Array);
Object.setPrototypeOf(Buffer.prototype, Uint8Array.prototype);
Object.assign(Buffer, statics, { poolSize: 8192 });
for (const [name, value] of Object.entries(methods)) Object.defineProperty(Buffer.prototype, name, { value, writable: true, configurable: true });

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const ANY = [-Infinity, Infinity];
const NUMBERS = {
  UInt8: ['Uint8', 1], Int8: ['Int8', 1], UInt16: ['Uint16', 2], Int16: ['Int16', 2], UInt32: ['Uint32', 4], Int32: ['Int32', 4],
  Float: ['Float32', 4, ANY], Double: ['Float64', 8, ANY], BigUInt64: ['BigUint64', 8, limits(8, false, BigInt)], BigInt64: ['BigInt64', 8, limits(8, true, BigInt)],
};
for (const [name, [kind, size, range = limits(size, name.startsWith('Int'))]] of Object.entries(NUMBERS)) {
  for (const order of size === 1 ? [''] : ['LE', 'BE']) {
    const [read, write, isLittle] = [`get${kind}`, `set${kind}`, order === 'LE'];
    const methods = {
      [`read${name}${order}`](at = 0) {
        checkPlace(this, at, size);
        return view(this)[read](at, isLittle);
      },
      [`write${name}${order}`](value, at = 0) {
        checkValue(value, size, range);
        checkPlace(this, at, size);
        view(this)[write](at, value, isLittle);
        return at + size;
      },
    };
    Object.assign(Buffer.prototype, methods);
    if (name.includes('UInt')) for (const [key, method] of Object.entries(methods)) Buffer.prototype[key.replace('UInt', 'Uint')] = method;
  }
}

// What handlers expect of Node and QuickJS does not have: Buffer, console, process, text encoders, as globals and as
// modules. Small on purpose: what needs a network or threads is not there at all; files are in `files.js`.

// A loop over bytes costs the interpreter a fifth of a microsecond each; what it has built in costs next to nothing.
const { atob: readBuiltIn, btoa: builtIn } = globalThis;
const PIECE = 4096;

/** A text as bytes in UTF-8. */
export function utf8(value) {
  const encoded = unescape(encodeURIComponent(String(value).toWellFormed()));
  if (builtIn && encoded.length > 64) return Uint8Array.fromBase64(builtIn(encoded));
  const bytes = new Uint8Array(encoded.length);
  for (let at = 0; at < encoded.length; at++) bytes[at] = encoded.charCodeAt(at);
  return bytes;
}

/** Bytes in UTF-8 as a text; what is no UTF-8 becomes U+FFFD. */
export function text(bytes) {
  const plain = byByte(bytes);
  if (isAscii(bytes)) return plain;
  try {
    return decodeURIComponent(escape(plain));
  } catch {
    return repaired(bytes);
  }
}

/** A character for each byte. */
function byByte(bytes) {
  if (readBuiltIn) return readBuiltIn(toBase64(bytes));
  let plain = '';
  for (let at = 0; at < bytes.length; at += PIECE) plain += String.fromCharCode.apply(null, bytes.subarray(at, at + PIECE));
  return plain;
}

/** Looks at four bytes at a time. */
function isAscii(bytes) {
  const own = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(own.buffer, own.byteOffset, own.length >> 2);
  let seen = 0;
  for (let at = 0; at < words.length; at++) seen |= words[at];
  for (let at = words.length * 4; at < own.length; at++) seen |= own[at];
  return (seen & 0x80808080) === 0;
}

function repaired(bytes) {
  let [out, at] = ['', 0];
  while (at < bytes.length) {
    const first = bytes[at++];
    if (first < 0x80) {
      out += String.fromCharCode(first);
      continue;
    }
    const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
    let point = more === 0 ? 0xfffd : first & (0x3f >> more);
    let read = 0;
    while (read < more && (bytes[at + read] & 0xc0) === 0x80) point = (point << 6) | (bytes[at + read++] & 0x3f);
    const least = [0, 0x80, 0x800, 0x10000][more];
    const whole = more > 0 && read === more && point >= least && point <= 0x10ffff && (point & 0xfffff800) !== 0xd800;
    at += read;
    out += String.fromCodePoint(whole ? point : 0xfffd);
  }
  return out;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = Object.fromEntries([...DIGITS, '-', '_'].map((digit, index) => [digit, index < 64 ? index : index - 2]));

/** Both alphabets, with or without padding; what is no digit is passed over, as in Node. */
function fromBase64(value) {
  try {
    return Uint8Array.fromBase64(value);
  } catch {
    return otherBase64(value);
  }
}

/** Looked for only then: searching a text costs more than reading it. */
function otherBase64(value) {
  try {
    return Uint8Array.fromBase64(value.replace(/-/g, '+').replace(/_/g, '/'));
  } catch {
    return digitByDigit(value);
  }
}

function digitByDigit(value) {
  const digits = value.replace(/[^A-Za-z0-9+/_-]/g, '');
  const bytes = new Uint8Array((digits.length * 3) >> 2);
  let [held, bits, at] = [0, 0, 0];
  for (const digit of digits) {
    held = ((held << 6) | VALUES[digit]) & 0xffff;
    bits += 6;
    if (bits >= 8) bytes[at++] = (held >> (bits -= 8)) & 0xff;
  }
  return bytes;
}

const toBase64 = (bytes) => Uint8Array.prototype.toBase64.call(bytes);

const latin1 = (value) => Uint8Array.from(String(value), (one) => one.charCodeAt(0) & 0xff);
const isHex = (pair) => /^[0-9a-f]{2}$/i.test(pair);

const byName = (table) => new Map(Object.entries(table));
const READ = byName({
  utf8,
  base64: fromBase64,
  base64url: fromBase64,
  hex: (value) => Uint8Array.from((String(value).match(/../g) ?? []).filter(isHex), (pair) => parseInt(pair, 16)),
  latin1,
  ascii: latin1,
});
const SHOWN = byName({
  utf8: text,
  base64: toBase64,
  base64url: (bytes) => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, ''),
  hex: (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  latin1: (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''),
  ascii: (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte & 127)).join(''),
});

function coding(table, name = 'utf8') {
  return table.get(name) ?? unusual(table, name);
}

function unusual(table, name) {
  const key = String(name).toLowerCase();
  const found = table.get({ 'utf-8': 'utf8', binary: 'latin1' }[key] ?? key);
  if (!found) throw new TypeError(`Unknown encoding: ${name}`);
  return found;
}

/** As much of Node's Buffer as handlers of events use. */
export class Buffer extends Uint8Array {
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
  static alloc(size, fill) {
    const buffer = new Buffer(size);
    return fill === undefined ? buffer : buffer.fill(typeof fill === 'string' ? utf8(fill)[0] : fill);
  }
  static allocUnsafe(size) {
    return new Buffer(size);
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
    return this.length === other.length && this.every((byte, at) => byte === other[at]);
  }
  readUInt8(at = 0) { return view(this).getUint8(at); }
  readUInt16BE(at = 0) { return view(this).getUint16(at); }
  readUInt16LE(at = 0) { return view(this).getUint16(at, true); }
  readUInt32BE(at = 0) { return view(this).getUint32(at); }
  readUInt32LE(at = 0) { return view(this).getUint32(at, true); }
  readInt32BE(at = 0) { return view(this).getInt32(at); }
  readInt32LE(at = 0) { return view(this).getInt32(at, true); }
  readDoubleBE(at = 0) { return view(this).getFloat64(at); }
  readDoubleLE(at = 0) { return view(this).getFloat64(at, true); }
  readBigUInt64BE(at = 0) { return view(this).getBigUint64(at); }
}

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

class TextEncoder {
  encode(value = '') {
    return utf8(value);
  }
}

class TextDecoder {
  decode(bytes = new Uint8Array()) {
    return text(ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));
  }
}

function shown(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.stack ? `${value.name}: ${value.message}\n${value.stack}`.trimEnd() : String(value);
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}

/** `%s`, `%d`, `%j` and the rest, as `console.log` and `util.format` have them. */
function format(first, ...rest) {
  if (typeof first !== 'string') return [first, ...rest].map(shown).join(' ');
  const filled = first.replace(/%([sdifjoO%])/g, (whole, kind) => {
    if (kind === '%') return '%';
    if (rest.length === 0) return whole;
    const value = rest.shift();
    return 'dif'.includes(kind) ? String(kind === 'i' ? parseInt(value) : Number(value)) : shown(value);
  });
  return [filled, ...rest.map(shown)].join(' ');
}

/** Puts the globals in place and returns the modules that `require` knows. */
export function install(environment, log) {
  const says = (level) => (...values) => log(level, format(...values));
  const process = {
    env: Object.fromEntries(environment),
    argv: [],
    platform: 'wasi',
    version: 'v20.0.0',
    versions: { node: '20.0.0' },
    nextTick: (call, ...values) => queueMicrotask(() => call(...values)),
    hrtime: Object.assign(() => [Math.floor(Date.now() / 1000), (Date.now() % 1000) * 1e6], { bigint: () => BigInt(Date.now()) * 1000000n }),
    on: () => process,
    exit: (code = 0) => {
      throw Object.assign(new Error(`the handler ended itself with exit code ${code}`), { name: 'ExitError' });
    },
    stdout: { write: (line) => log(2, String(line).replace(/\n$/, '')) },
    stderr: { write: (line) => log(4, String(line).replace(/\n$/, '')) },
  };
  const own = {
    Buffer,
    TextEncoder,
    TextDecoder,
    process,
    global: globalThis,
    atob: (value) => SHOWN.get('latin1')(fromBase64(String(value))),
    btoa: (value) => toBase64(latin1(value)),
    structuredClone: (value) => JSON.parse(JSON.stringify(value)),
  };
  for (const [name, value] of Object.entries(own)) globalThis[name] ??= value;
  globalThis.console = { trace: says(0), debug: says(1), log: says(2), info: says(2), warn: says(3), error: says(4), time() {}, timeEnd() {} };
  const promisify = (call) => (...values) =>
    new Promise((resolve, reject) => call(...values, (error, value) => (error ? reject(error) : resolve(value))));
  const inspect = Object.assign(shown, { custom: Symbol.for('nodejs.util.inspect.custom') });
  const util = { format, inspect, promisify, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder };
  return { buffer: { Buffer }, util, process, console: globalThis.console };
}

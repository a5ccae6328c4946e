// Texts as bytes and bytes as texts, in the codings that Node knows, over what QuickJS has built in.

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
  const own = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
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

export const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
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

const utf16 = (value) => new Uint8Array(Uint16Array.from(String(value), (one) => one.charCodeAt(0)).buffer);

function fromUtf16(bytes) {
  let plain = '';
  for (let at = 0; at + 1 < bytes.length; at += 2) plain += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
  return plain;
}

const byName = (table) => new Map(Object.entries(table));
export const READ = byName({
  utf8,
  base64: fromBase64,
  base64url: fromBase64,
  hex: (value) => Uint8Array.from((String(value).match(/../g) ?? []).filter(isHex), (pair) => parseInt(pair, 16)),
  latin1,
  ascii: latin1,
  utf16le: utf16,
});
export const SHOWN = byName({
  utf8: text,
  base64: toBase64,
  base64url: (bytes) => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, ''),
  hex: (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  latin1: (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''),
  ascii: (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte & 127)).join(''),
  utf16le: fromUtf16,
});
export const ALIASES = { 'utf-8': 'utf8', binary: 'latin1', ucs2: 'utf16le', 'ucs-2': 'utf16le', 'utf-16le': 'utf16le' };

export function coding(table, name = 'utf8') {
  return table.get(name) ?? unusual(table, name);
}

function unusual(table, name) {
  const key = String(name).toLowerCase();
  const found = table.get(ALIASES[key] ?? key);
  if (!found) throw new TypeError(`Unknown encoding: ${name}`);
  return found;
}

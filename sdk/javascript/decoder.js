// Node's `string_decoder`: texts of parts of bytes, in which a character that is cut waits for its rest.

import { Buffer } from './buffer.js';

/** How many bytes at the end begin a character that is not whole. */
function cutOf(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return whole > back ? back : 0;
  }
  return 0;
}

const CUTS = {
  utf8: cutOf,
  utf16le: (bytes) => bytes.length % 2,
  base64: (bytes) => bytes.length % 3,
  base64url: (bytes) => bytes.length % 3,
};
const NAMES = { 'utf-8': 'utf8', ucs2: 'utf16le', 'ucs-2': 'utf16le', 'utf-16le': 'utf16le', binary: 'latin1' };

/** A function, which packages call on what they make themselves. */
export function StringDecoder(encoding = 'utf8') {
  const name = String(encoding).toLowerCase();
  this.encoding = NAMES[name] ?? name;
  this.rest = Buffer.alloc(0);
}
Object.assign(StringDecoder.prototype, {
  write(part) {
    if (typeof part === 'string') return part;
    const all = this.rest.length > 0 ? Buffer.concat([this.rest, part]) : Buffer.from(part);
    const cut = CUTS[this.encoding]?.(all) ?? 0;
    this.rest = all.subarray(all.length - cut);
    return all.subarray(0, all.length - cut).toString(this.encoding);
  },
  end(part) {
    const told = part === undefined ? '' : this.write(part);
    const rest = this.rest;
    this.rest = Buffer.alloc(0);
    return told + rest.toString(this.encoding);
  },
});

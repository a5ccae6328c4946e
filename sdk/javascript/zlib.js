// Node's `zlib`: gzip, zlib and raw deflate of whole buffers, which is what its streams collect too. Records of log services come compressed.

import { Buffer } from './buffer.js';
import { DISTANCES, DISTANCE_BITS, LENGTHS, LENGTH_BITS, damaged, inflated } from './inflate.js';
import { Transform } from './streams.js';

const CHAIN = 1 << 15;
const CRC = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) value = CRC[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function adler32(bytes) {
  let [one, two] = [1, 0];
  for (let at = 0; at < bytes.length; at++) {
    one = (one + bytes[at]) % 65521;
    two = (two + one) % 65521;
  }
  return ((two << 16) | one) >>> 0;
}

class Writing {
  out = [];
  held = 0;
  kept = 0;
  bits(value, count) {
    this.held |= value << this.kept;
    this.kept += count;
    for (; this.kept >= 8; this.kept -= 8) {
      this.out.push(this.held & 255);
      this.held >>>= 8;
    }
  }
  /** Codes begin with their highest bit. */
  code(value, count) {
    for (let bit = count - 1; bit >= 0; bit--) this.bits((value >> bit) & 1, 1);
  }
  literal(symbol) {
    if (symbol < 144) this.code(48 + symbol, 8);
    else if (symbol < 256) this.code(256 + symbol, 9);
    else if (symbol < 280) this.code(symbol - 256, 7);
    else this.code(symbol - 88, 8);
  }
  copy(length, back) {
    const at = LENGTHS.findLastIndex((value) => value <= length);
    this.literal(257 + at);
    this.bits(length - LENGTHS[at], LENGTH_BITS[at]);
    const far = DISTANCES.findLastIndex((value) => value <= back);
    this.code(far, 5);
    this.bits(back - DISTANCES[far], DISTANCE_BITS[far]);
  }
}

/** One block with the codes that need no description; what was seen at the last place with the same three bytes is not said again. */
function deflated(bytes) {
  const [writing, places] = [new Writing(), new Map()];
  writing.bits(3, 3);
  for (let at = 0; at < bytes.length; ) {
    const key = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    const seen = at + 2 < bytes.length ? places.get(key) : undefined;
    let length = 0;
    if (seen !== undefined && at - seen <= CHAIN) {
      while (length < 258 && at + length < bytes.length && bytes[seen + length] === bytes[at + length]) length++;
    }
    places.set(key, at);
    if (length >= 3) writing.copy(length, at - seen);
    else writing.literal(bytes[at]);
    at += Math.max(length >= 3 ? length : 1, 1);
  }
  writing.literal(256);
  writing.bits(0, 7);
  return Buffer.from(writing.out);
}

function number(value, write) {
  const four = Buffer.alloc(4);
  four[write](value);
  return four;
}

const bytesOf = (value) =>
  typeof value === 'string' ? Buffer.from(value) : value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.view(value);

function gunzipSync(value) {
  const [bytes, parts] = [bytesOf(value), []];
  let at = 0;
  do {
    const from = at;
    if (bytes[at] !== 0x1f || bytes[at + 1] !== 0x8b || bytes[at + 2] !== 8) throw damaged('incorrect header check');
    const flags = bytes[at + 3];
    at += 10;
    if (flags & 4) at += 2 + bytes.readUInt16LE(at);
    for (const flag of [8, 16]) if (flags & flag) at = bytes.indexOf(0, at) + 1 || bytes.length;
    if (flags & 2) at += 2;
    const { out, end } = inflated(bytes, at);
    if (end + 8 > bytes.length) throw Object.assign(damaged('unexpected end of file'), { code: 'Z_BUF_ERROR', errno: -5, from });
    if (crc32(out) !== bytes.readUInt32LE(end)) throw damaged('incorrect data check');
    parts.push(out);
    at = end + 8;
  } while (bytes[at] === 0x1f && bytes[at + 1] === 0x8b);
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

function inflateSync(value) {
  const bytes = bytesOf(value);
  if ((bytes[0] & 15) !== 8 || ((bytes[0] << 8) | bytes[1]) % 31 !== 0) throw damaged('incorrect header check');
  const { out, end } = inflated(bytes, 2);
  if (adler32(out) !== bytes.readUInt32BE(end)) throw damaged('incorrect data check');
  return out;
}

const calls = {
  gunzip: gunzipSync,
  inflate: inflateSync,
  inflateRaw: (value) => inflated(bytesOf(value), 0).out,
  unzip: (value) => (bytesOf(value)[0] === 0x1f ? gunzipSync(value) : inflateSync(value)),
  gzip(value) {
    const bytes = bytesOf(value);
    const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    return Buffer.concat([head, deflated(bytes), number(crc32(bytes), 'writeUInt32LE'), number(bytes.length, 'writeUInt32LE')]);
  },
  deflate(value) {
    const bytes = bytesOf(value);
    return Buffer.concat([Buffer.from([0x78, 0x9c]), deflated(bytes), number(adler32(bytes), 'writeUInt32BE')]);
  },
  deflateRaw: (value) => deflated(bytesOf(value)),
};

/** What comes is collected, and made at the end. */
class Whole extends Transform {
  #parts = [];
  bytesWritten = 0;
  constructor(call) {
    super();
    this.call = call;
  }
  _transform(part, _, back) {
    this.#parts.push(part);
    this.bytesWritten += part.length;
    back();
  }
  _flush(back) {
    let made;
    try {
      made = this.call(Buffer.concat(this.#parts));
    } catch (error) {
      return back(error);
    }
    back(null, made);
  }
  close(back) {
    back?.();
    this.destroy();
  }
  flush(...values) {
    values.find((one) => typeof one === 'function')?.();
  }
}

const constants = { Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_OK: 0, Z_DEFAULT_COMPRESSION: -1, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_STRATEGY: 0 };
/** Brotli is left out by name too: clients ask for it wherever `createBrotliDecompress` is. */
export const zlib = { constants, ...constants, crc32: (value) => crc32(bytesOf(value)) };
for (const [name, call] of Object.entries(calls)) {
  const kind = name[0].toUpperCase() + name.slice(1);
  zlib[`${name}Sync`] = call;
  zlib[`create${kind}`] = () => new Whole(call);
  zlib[kind] = class extends Whole {
    constructor() {
      super(call);
    }
  };
  zlib[name] = (value, ...rest) => {
    const back = rest.pop();
    new Promise((resolve) => resolve(call(value))).then((out) => back(null, out), back);
  };
}

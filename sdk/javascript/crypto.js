// Node's `crypto` as far as handlers use it on records: digests, keyed digests, random bytes and comparisons.

import { Buffer } from './buffer.js';

const turn = (word, count) => (word << count) | (word >>> (32 - count));

/** `count` primes' roots: the first 32 bits behind the point. */
function roots(count, power) {
  const [found, words] = [[], []];
  for (let one = 2; found.length < count; one++) {
    if (found.some((prime) => one % prime === 0)) continue;
    found.push(one);
    words.push(Math.floor((one ** power % 1) * 4294967296) | 0);
  }
  return words;
}
const K256 = roots(64, 1 / 3);
const SINES = Array.from({ length: 64 }, (_, at) => Math.floor(Math.abs(Math.sin(at + 1)) * 4294967296) | 0);
const TURNS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

function sha256(state, words) {
  const w = words.slice();
  for (let at = 16; at < 64; at++) {
    const [one, two] = [w[at - 15], w[at - 2]];
    const early = turn(one, 25) ^ turn(one, 14) ^ (one >>> 3);
    const late = turn(two, 15) ^ turn(two, 13) ^ (two >>> 10);
    w[at] = (w[at - 16] + early + w[at - 7] + late) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let at = 0; at < 64; at++) {
    const first = (h + (turn(e, 26) ^ turn(e, 21) ^ turn(e, 7)) + ((e & f) ^ (~e & g)) + K256[at] + w[at]) | 0;
    const second = ((turn(a, 30) ^ turn(a, 19) ^ turn(a, 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  return [a, b, c, d, e, f, g, h];
}

function sha1(state, words) {
  const w = words.slice();
  for (let at = 16; at < 80; at++) w[at] = turn(w[at - 3] ^ w[at - 8] ^ w[at - 14] ^ w[at - 16], 1);
  let [a, b, c, d, e] = state;
  for (let at = 0; at < 80; at++) {
    const mixed = at < 20 ? (b & c) | (~b & d) : at < 40 || at >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
    const constant = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][Math.floor(at / 20)];
    [e, d, c, b, a] = [d, c, turn(b, 30), a, (turn(a, 5) + mixed + e + constant + w[at]) | 0];
  }
  return [a, b, c, d, e];
}

function md5(state, words) {
  let [a, b, c, d] = state;
  for (let at = 0; at < 64; at++) {
    const round = at >> 4;
    const mixed = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round];
    const place = [at, 5 * at + 1, 3 * at + 5, 7 * at][round] % 16;
    [a, d, c, b] = [d, c, b, (b + turn((a + mixed + SINES[at] + words[place]) | 0, TURNS[round][at % 4])) | 0];
  }
  return [a, b, c, d];
}

const FIRST = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const KINDS = {
  sha256: { mix: sha256, start: roots(8, 1 / 2), isLittle: false },
  sha1: { mix: sha1, start: FIRST, isLittle: false },
  md5: { mix: md5, start: FIRST.slice(0, 4), isLittle: true },
};

function kindOf(name) {
  const kind = KINDS[String(name).toLowerCase().replace('-', '')];
  if (!kind) throw new Error(`Digest method not supported: ${name}; ${Object.keys(KINDS).join(', ')} are there`);
  return kind;
}

function digestOf({ mix, start, isLittle }, bytes) {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - (isLittle ? 8 : 4), bytes.length << 3, isLittle);
  view.setUint32(padded.length - (isLittle ? 4 : 8), Math.floor(bytes.length / 536870912), isLittle);
  let state = start.map((word) => word | 0);
  for (let at = 0; at < padded.length; at += 64) {
    const words = Array.from({ length: 16 }, (_, word) => view.getInt32(at + word * 4, isLittle));
    state = mix(state, words).map((word, index) => (word + state[index]) | 0);
  }
  const out = Buffer.alloc(state.length * 4);
  state.forEach((word, index) => (isLittle ? out.writeInt32LE(word, index * 4) : out.writeInt32BE(word, index * 4)));
  return out;
}

const bytesOf = (value, encoding) => (typeof value === 'string' ? Buffer.from(value, encoding) : Buffer.from(value));

class Digest {
  #parts = [];
  #finish;
  constructor(finish) {
    this.#finish = finish;
  }
  update(value, encoding) {
    this.#parts.push(bytesOf(value, encoding));
    return this;
  }
  digest(encoding) {
    const out = this.#finish(Buffer.concat(this.#parts));
    return encoding ? out.toString(encoding) : out;
  }
}

function createHmac(name, key) {
  const kind = kindOf(name);
  const given = bytesOf(key);
  const block = Buffer.alloc(64);
  block.set(given.length > 64 ? digestOf(kind, given) : given);
  const keyed = (mask, bytes) => digestOf(kind, Buffer.concat([block.map((byte) => byte ^ mask), bytes]));
  return new Digest((bytes) => keyed(0x5c, keyed(0x36, bytes)));
}

/** `random` has what the global `crypto` has. */
export function cryptography(random) {
  const randomBytes = (size) => random.getRandomValues(Buffer.alloc(size));
  return {
    ...random,
    webcrypto: random,
    createHash: (name) => {
      const kind = kindOf(name);
      return new Digest((bytes) => digestOf(kind, bytes));
    },
    createHmac,
    getHashes: () => Object.keys(KINDS),
    randomBytes: (size, back) => (back ? void queueMicrotask(() => back(null, randomBytes(size))) : randomBytes(size)),
    randomInt(low, high) {
      const [from, to] = high === undefined ? [0, low] : [low, high];
      return from + Math.floor((randomBytes(6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48) * (to - from));
    },
    timingSafeEqual(one, other) {
      if (one.length !== other.length) throw new RangeError('Input buffers must have the same byte length');
      return Buffer.view(one).equals(other);
    },
  };
}

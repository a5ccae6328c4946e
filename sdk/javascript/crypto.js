// Node's `crypto` as far as handlers use it on records: digests, keyed digests, random bytes, comparisons, and signatures that are checked.

import { absent } from './absent.js';
import { Buffer, outOfRange, wrongType } from './buffer.js';
import { signatures } from './signatures.js';
import { Transform } from './streams.js';

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

/** The same to 64 bits, each as two words, the higher one first: an integer root of the prime, shifted as far. */
function longRoots(count, power, skip = 0) {
  const words = [];
  for (let one = 2n, found = []; words.length < count * 2; one++) {
    if (found.some((prime) => one % prime === 0n)) continue;
    found.push(one);
    if (found.length <= skip) continue;
    const target = one << BigInt(64 * power);
    let root = 0n;
    for (let bit = 1n << 68n; bit > 0n; bit >>= 1n) if ((root | bit) ** BigInt(power) <= target) root |= bit;
    words.push(Number((root >> 32n) & 0xffffffffn) | 0, Number(root & 0xffffffffn) | 0);
  }
  return words;
}
const K512 = longRoots(80, 3);

/** Words of 64 bits are pairs. Rotations by more than 32 take the pair the other way round. */
function sha512(state, words) {
  const w = words.slice();
  const low = (one, two, by) => (two >>> by) | (one << (32 - by));
  for (let at = 32; at < 160; at += 2) {
    const [a, b, c, d] = [w[at - 30], w[at - 29], w[at - 4], w[at - 3]];
    const earlyHigh = low(b, a, 1) ^ low(b, a, 8) ^ (a >>> 7);
    const earlyLow = low(a, b, 1) ^ low(a, b, 8) ^ low(a, b, 7);
    const lateHigh = low(d, c, 19) ^ low(c, d, 29) ^ (c >>> 6);
    const lateLow = low(c, d, 19) ^ low(d, c, 29) ^ low(c, d, 6);
    const sum = (earlyLow >>> 0) + (lateLow >>> 0) + (w[at - 13] >>> 0) + (w[at - 31] >>> 0);
    w[at] = (earlyHigh + lateHigh + w[at - 14] + w[at - 32] + Math.floor(sum / 4294967296)) | 0;
    w[at + 1] = sum | 0;
  }
  let [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl] = state;
  for (let at = 0; at < 160; at += 2) {
    const turnHigh = low(el, eh, 14) ^ low(el, eh, 18) ^ low(eh, el, 9);
    const turnLow = low(eh, el, 14) ^ low(eh, el, 18) ^ low(el, eh, 9);
    const first = (hl >>> 0) + (turnLow >>> 0) + (((el & fl) ^ (~el & gl)) >>> 0) + (K512[at + 1] >>> 0) + (w[at + 1] >>> 0);
    const firstHigh = (hh + turnHigh + ((eh & fh) ^ (~eh & gh)) + K512[at] + w[at] + Math.floor(first / 4294967296)) | 0;
    const otherHigh = low(al, ah, 28) ^ low(ah, al, 2) ^ low(ah, al, 7);
    const otherLow = low(ah, al, 28) ^ low(al, ah, 2) ^ low(al, ah, 7);
    const second = (otherLow >>> 0) + (((al & bl) ^ (al & cl) ^ (bl & cl)) >>> 0);
    const secondHigh = (otherHigh + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + Math.floor(second / 4294967296)) | 0;
    [hh, hl, gh, gl, fh, fl] = [gh, gl, fh, fl, eh, el];
    const next = (dl >>> 0) + ((first | 0) >>> 0);
    [eh, el] = [(dh + firstHigh + Math.floor(next / 4294967296)) | 0, next | 0];
    [dh, dl, ch, cl, bh, bl] = [ch, cl, bh, bl, ah, al];
    const whole = ((first | 0) >>> 0) + ((second | 0) >>> 0);
    [ah, al] = [(firstHigh + secondHigh + Math.floor(whole / 4294967296)) | 0, whole | 0];
  }
  return [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl];
}

/** Adds words, or pairs of them. */
const summed = (one, other) => one.map((word, at) => (word + other[at]) | 0);
const summedPairs = (one, other) =>
  one.map((word, at) => (at % 2 === 1 ? (word + other[at]) | 0 : (word + other[at] + ((one[at + 1] >>> 0) + (other[at + 1] >>> 0) > 0xffffffff ? 1 : 0)) | 0));

const FIRST = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const KINDS = {
  sha256: { mix: sha256, start: roots(8, 1 / 2), isLittle: false },
  sha512: { mix: sha512, start: longRoots(8, 2), isLittle: false, block: 128, add: summedPairs },
  sha384: { mix: sha512, start: longRoots(8, 2, 8), isLittle: false, block: 128, add: summedPairs, length: 48 },
  sha1: { mix: sha1, start: FIRST, isLittle: false },
  md5: { mix: md5, start: FIRST.slice(0, 4), isLittle: true },
};

function kindOf(name) {
  if (typeof name !== 'string') throw wrongType('algorithm', 'of type string', name);
  const key = name.toLowerCase().replace('rsa-', '').replace('-', '');
  if (!Object.hasOwn(KINDS, key)) throw new Error(`Digest method not supported: ${name}; ${Object.keys(KINDS).join(', ')} are there`);
  return KINDS[key];
}

function digestOf({ mix, start, isLittle, block = 64, add = summed, length }, bytes) {
  const padded = new Uint8Array((Math.floor((bytes.length + block / 8) / block) + 1) * block);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - (isLittle ? 8 : 4), bytes.length << 3, isLittle);
  view.setUint32(padded.length - (isLittle ? 4 : 8), Math.floor(bytes.length / 536870912), isLittle);
  let state = start.map((word) => word | 0);
  for (let at = 0; at < padded.length; at += block) {
    const words = Array.from({ length: block / 4 }, (_, word) => view.getInt32(at + word * 4, isLittle));
    state = add(mix(state, words), state);
  }
  const out = Buffer.alloc(state.length * 4);
  state.forEach((word, index) => (isLittle ? out.writeInt32LE(word, index * 4) : out.writeInt32BE(word, index * 4)));
  return length ? out.subarray(0, length) : out;
}

const VIEWS = 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView';
const DATA = 'of type string or an instance of Buffer, TypedArray, or DataView';
const KEY = 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey';

/** The bytes of any view, where they stand. */
function whole(data, name = 'data') {
  if (ArrayBuffer.isView(data)) return Buffer.view(data);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  throw wrongType(name, VIEWS, data);
}

/** Of a text too, and bytes of their own. */
function bytesOf(value, encoding, name = 'data', expected = DATA) {
  if (typeof value === 'string') return Buffer.from(value, encoding);
  if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer && expected === KEY)) throw wrongType(name, expected, value);
  return Uint8Array.prototype.slice.call(whole(value));
}

/** Looks at all bytes, wherever the first difference is. */
function isSame(one, other) {
  if (one.length !== other.length) return false;
  let seen = 0;
  for (let at = 0; at < one.length; at++) seen |= one[at] ^ other[at];
  return seen === 0;
}

function timingSafeEqual(one, other) {
  const [first, second] = [whole(one, 'buf1'), whole(other, 'buf2')];
  if (first.length !== second.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
  return isSame(first, second);
}

/** What a key is kept in. */
export class KeyObject {
  #bytes;
  type = 'secret';
  constructor(bytes) {
    this.#bytes = bytes;
  }
  get symmetricKeySize() { return this.#bytes.length; }
  export(options) {
    return options?.format === 'jwk' ? { kty: 'oct', k: this.#bytes.toString('base64url') } : this.#bytes;
  }
  equals(other) { return other.type === 'secret' && isSame(this.#bytes, other.export()); }
  get [Symbol.toStringTag]() { return 'KeyObject'; }
}

/** The same in the browsers' interface. */
export class CryptoKey {
  constructor(bytes, told) {
    Object.assign(this, told);
    Object.defineProperty(this, 'bytes', { value: bytes });
  }
  get [Symbol.toStringTag]() { return 'CryptoKey'; }
}

/** The bytes of a key that is a secret. */
function secretOf(key) {
  if (!(key instanceof KeyObject)) return bytesOf(key, 'utf8', 'key', KEY);
  if (key.type !== 'secret') throw Object.assign(new TypeError(`Invalid key object type ${key.type}, expected secret.`), { code: 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE' });
  return key.export();
}

class Digest extends Transform {
  #parts = [];
  #finish;
  constructor(finish, parts = []) {
    super();
    this.#finish = finish;
    this.#parts = parts;
  }
  update(value, encoding) {
    this.#parts.push(bytesOf(value, encoding));
    return this;
  }
  digest(encoding) {
    const out = this.#finish(Buffer.concat(this.#parts));
    return encoding && encoding !== 'buffer' ? out.toString(encoding) : out;
  }
  copy() {
    return new Digest(this.#finish, [...this.#parts]);
  }
  _transform(part, encoding, back) {
    this.update(part);
    back();
  }
  _flush(back) {
    back(null, this.digest());
  }
}

/** As a function of bytes; the key is looked at once. */
function keyed(kind, key) {
  const given = secretOf(key);
  const block = Buffer.alloc(kind.block ?? 64);
  block.set(given.length > block.length ? digestOf(kind, given) : given);
  const [inner, outer] = [0x36, 0x5c].map((mask) => block.map((byte) => byte ^ mask));
  return (bytes) => digestOf(kind, Buffer.concat([outer, digestOf(kind, Buffer.concat([inner, bytes]))]));
}

/** PBKDF2. */
function pbkdf2Sync(password, salt, rounds, length, name = 'sha1') {
  const [mix, parts] = [keyed(kindOf(name), password), []];
  for (let at = 1, made = 0; made < length; at++) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(at);
    let last = mix(Buffer.concat([bytesOf(salt, 'utf8', 'salt', KEY), number]));
    const sum = Buffer.from(last);
    for (let round = 1; round < rounds; round++) {
      last = mix(last);
      for (let byte = 0; byte < sum.length; byte++) sum[byte] ^= last[byte];
    }
    made += parts.push(sum) && sum.length;
  }
  return Buffer.concat(parts).subarray(0, length);
}

/** HKDF, with the bytes as browsers hold them. */
function hkdfSync(name, key, salt, info, length) {
  const kind = kindOf(name);
  const [from, also] = [bytesOf(salt, 'utf8', 'salt', KEY), bytesOf(info, 'utf8', 'info', KEY)];
  const mix = keyed(kind, keyed(kind, from)(secretOf(key)));
  const parts = [Buffer.alloc(0)];
  for (let made = 0; made < length; made += parts.at(-1).length) {
    parts.push(mix(Buffer.concat([parts.at(-1), also, Buffer.from([parts.length])])));
  }
  return new Uint8Array(Buffer.concat(parts).subarray(0, length)).buffer;
}

/** The part of the browsers' interface that needs no ciphers: digests and signatures with a secret. */
function subtleOf() {
  const nameOf = (algorithm) => algorithm?.name ?? algorithm;
  const promised = (call) => (...values) => new globalThis.Promise((resolve) => resolve(call(...values)));
  const buffered = (bytes) => new Uint8Array(bytes).buffer;
  const signed = (key, data) => keyed(kindOf(nameOf(key.algorithm.hash)), key.bytes)(whole(data));
  return {
    digest: promised((algorithm, data) => buffered(digestOf(kindOf(nameOf(algorithm)), whole(data)))),
    importKey: promised((format, data, algorithm, extractable, usages) => {
      if (nameOf(algorithm) !== 'HMAC') throw new Error(`crypto.subtle.importKey: ${nameOf(algorithm)} is not there, HMAC is`);
      const bytes = format === 'jwk' ? Buffer.from(data.k, 'base64url') : bytesOf(whole(data));
      return new CryptoKey(bytes, { type: 'secret', extractable, algorithm: { ...algorithm, hash: { name: nameOf(algorithm.hash) } }, usages });
    }),
    sign: promised((_, key, data) => buffered(signed(key, data))),
    verify: promised((_, key, signature, data) => isSame(signed(key, data), whole(signature))),
  };
}

/** The part of an array that `offset` and `size` name, in its own elements. */
function partOf(array, offset = 0, size) {
  const [bytes, unit] = [whole(array, 'buf'), array.BYTES_PER_ELEMENT ?? 1];
  if (typeof offset !== 'number') throw wrongType('offset', 'of type number', offset);
  const from = offset * unit;
  if (!(from >= 0 && from <= bytes.length)) throw outOfRange('offset', `>= 0 && <= ${bytes.length}`, from);
  if (size === undefined) return bytes.subarray(from);
  if (typeof size !== 'number') throw wrongType('size', 'of type number', size);
  if (!(size >= 0)) throw outOfRange('size', '>= 0 && <= 2147483647', size);
  if (from + size * unit > bytes.length) throw outOfRange('size + offset', `<= ${bytes.length}`, from + size * unit);
  return bytes.subarray(from, from + size * unit);
}

/** PSS is named so that it can be refused. */
const constants = {
  RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6,
  RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2,
};

const called = (call) => (...values) => {
  const back = values.pop();
  new globalThis.Promise((resolve) => resolve(call(...values))).then((value) => back(null, value), back);
};

/** `random` has what the global `crypto` has. */
export function cryptography(random) {
  const randomBytes = (size) => random.getRandomValues(Buffer.alloc(size));
  const randomFillSync = (array, offset, size) => {
    random.getRandomValues(partOf(array, offset, size));
    return array;
  };
  const createHash = (name) => {
    const kind = kindOf(name);
    return new Digest((bytes) => digestOf(kind, bytes));
  };
  const subtle = subtleOf();
  Object.assign(random, { subtle, CryptoKey });
  return absent('crypto', {
    ...random,
    webcrypto: random,
    subtle,
    constants,
    KeyObject,
    createHash,
    hash: (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding),
    createHmac(name, key) {
      const kind = kindOf(name);
      return new Digest(keyed(kind, key));
    },
    createSecretKey: (key, encoding) => new KeyObject(bytesOf(key, encoding, 'key', KEY)),
    ...signatures(KeyObject, (name, bytes) => digestOf(kindOf(name), bytes)),
    getHashes: () => Object.keys(KINDS),
    getCiphers: () => [],
    pbkdf2Sync,
    pbkdf2: called(pbkdf2Sync),
    hkdfSync,
    hkdf: called(hkdfSync),
    randomBytes: (size, back) => (back ? void queueMicrotask(() => back(null, randomBytes(size))) : randomBytes(size)),
    randomFillSync,
    randomFill: called(randomFillSync),
    randomInt(low, high) {
      const [from, to] = high === undefined ? [0, low] : [low, high];
      return from + Math.floor((randomBytes(6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48) * (to - from));
    },
    timingSafeEqual,
  }, 'createSign createCipheriv createDecipheriv createPrivateKey createDiffieHellman createECDH generateKeyPair generateKeyPairSync publicEncrypt privateDecrypt scrypt scryptSync sign');
}

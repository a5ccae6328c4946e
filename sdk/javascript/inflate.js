// What deflate compressed, whole buffers at a time: canonical codes read bit by bit.

import { Buffer } from './buffer.js';

const BYTES_MAX = 64 << 20;
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const [LENGTHS, LENGTH_BITS] = steps(29, 4, 3);
const [DISTANCES, DISTANCE_BITS] = steps(30, 2, 1);
[LENGTHS[28], LENGTH_BITS[28]] = [258, 0];

/** The first values and the numbers of further bits of the codes for lengths and distances. */
function steps(count, each, first) {
  const [values, bits] = [[], []];
  for (let code = 0, value = first; code < count; code++) {
    bits[code] = code < each * 2 ? 0 : Math.floor(code / each) - 1;
    values[code] = value;
    value += 1 << bits[code];
  }
  return [values, bits];
}

const damaged = (what) => Object.assign(new Error(what), { code: 'Z_DATA_ERROR', errno: -3 });

/** Canonical codes: how many there are of each length, and their symbols in order. */
function codes(lengths) {
  const [counts, starts, symbols] = [new Uint16Array(16), new Uint16Array(16), new Uint16Array(lengths.length)];
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  for (let length = 1; length < 15; length++) starts[length + 1] = starts[length] + counts[length];
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[starts[length]++] = symbol;
  });
  return { counts, symbols };
}

const FIXED = [
  codes(Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8))),
  codes(Array(30).fill(5)),
];

class Inflating {
  constructor(bytes, at) {
    Object.assign(this, { bytes, at, held: 0, kept: 0, out: new Uint8Array(bytes.length * 4 + 1024), size: 0 });
  }
  bits(count) {
    while (this.kept < count) {
      if (this.at >= this.bytes.length) throw Object.assign(new Error('unexpected end of file'), { code: 'Z_BUF_ERROR', errno: -5 });
      this.held |= this.bytes[this.at++] << this.kept;
      this.kept += 8;
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.kept -= count;
    return value;
  }
  symbol({ counts, symbols }) {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length < 16; length++) {
      code |= this.bits(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + code - first];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw damaged('invalid code');
  }
  room(more) {
    if (this.size + more <= this.out.length) return;
    if (this.size + more > BYTES_MAX) throw Object.assign(new RangeError(`Cannot create a Buffer larger than ${BYTES_MAX} bytes`), { code: 'ERR_BUFFER_TOO_LARGE' });
    const larger = new Uint8Array(Math.min(BYTES_MAX, Math.max(this.out.length * 2, this.size + more)));
    larger.set(this.out.subarray(0, this.size));
    this.out = larger;
  }
  stored() {
    [this.held, this.kept] = [0, 0];
    const length = this.bits(16);
    if (length !== (~this.bits(16) & 0xffff)) throw damaged('invalid stored block lengths');
    if (this.at + length > this.bytes.length) throw damaged('unexpected end of file');
    this.room(length);
    this.out.set(this.bytes.subarray(this.at, this.at + length), this.size);
    [this.at, this.size] = [this.at + length, this.size + length];
  }
  described() {
    const [literals, distances, described] = [this.bits(5) + 257, this.bits(5) + 1, this.bits(4) + 4];
    const own = Array(19).fill(0);
    for (let at = 0; at < described; at++) own[ORDER[at]] = this.bits(3);
    const [table, lengths] = [codes(own), []];
    while (lengths.length < literals + distances) {
      const symbol = this.symbol(table);
      if (symbol < 16) lengths.push(symbol);
      else {
        const again = symbol === 16 ? lengths.at(-1) : 0;
        const times = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
        if (again === undefined) throw damaged('invalid bit length repeat');
        for (let time = 0; time < times; time++) lengths.push(again);
      }
    }
    if (lengths.length > literals + distances) throw damaged('invalid bit length repeat');
    return [codes(lengths.slice(0, literals)), codes(lengths.slice(literals))];
  }
  block([literals, distances]) {
    for (;;) {
      const symbol = this.symbol(literals);
      this.room(258);
      if (symbol < 256) this.out[this.size++] = symbol;
      else if (symbol === 256) return;
      else {
        if (symbol > 285) throw damaged('invalid literal/length code');
        const length = LENGTHS[symbol - 257] + this.bits(LENGTH_BITS[symbol - 257]);
        const code = this.symbol(distances);
        if (code > 29) throw damaged('invalid distance code');
        const back = DISTANCES[code] + this.bits(DISTANCE_BITS[code]);
        if (back > this.size) throw damaged('invalid distance too far back');
        if (back >= length) this.out.copyWithin(this.size, this.size - back, this.size - back + length);
        else for (let at = this.size; at < this.size + length; at++) this.out[at] = this.out[at - back];
        this.size += length;
      }
    }
  }
  run() {
    for (let last = 0; !last; ) {
      last = this.bits(1);
      const kind = this.bits(2);
      if (kind === 3) throw damaged('invalid block type');
      if (kind === 0) this.stored();
      else this.block(kind === 1 ? FIXED : this.described());
    }
    this.at -= this.kept >> 3;
    return this.out.subarray(0, this.size);
  }
}

/** What is compressed from there on, and where it ends. */
export function inflated(bytes, at) {
  const inflating = new Inflating(bytes, at);
  return { out: Buffer.view(inflating.run()), end: inflating.at };
}

export { DISTANCES, DISTANCE_BITS, LENGTHS, LENGTH_BITS, damaged };

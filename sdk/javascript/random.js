// Random numbers: what the interpreter has itself begins the same in every sandbox, because all are made from one image. These begin
// with 16 bytes of the host at each invocation, so that running one again gives the same numbers.

/** sfc32: passes what generators of numbers are tested with, and needs nothing but 32 bits. */
function generator([a, b, c, d]) {
  const word = () => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) word();
  return () => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
}

/** `seed` gives four numbers of 32 bits, others each time. */
export function randomness(seed) {
  let draw;
  const bytes = () => new Uint8Array(Uint32Array.from(seed()).buffer);

  function getRandomValues(array) {
    const all = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < all.length; at += 16) all.set(bytes().subarray(0, all.length - at), at);
    return array;
  }

  function randomUUID() {
    const uuid = bytes();
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    const hex = uuid.toHex();
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  return {
    /** An invocation begins. */
    begin() {
      draw = undefined;
    },
    random: () => (draw ??= generator(seed()))(),
    crypto: { getRandomValues, randomUUID },
  };
}

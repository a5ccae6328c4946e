// Signatures by RSA (PKCS #1) are checked: tokens of identity providers are signed so. Nothing is signed, for a sandbox holds no private keys.

import { Buffer } from './buffer.js';
import { Writable } from './streams.js';

/** What stands before a digest, by the name of its kind: the ASN.1 of PKCS #1. */
const PREFIXES = {
  sha1: '3021300906052b0e03021a05000414', sha256: '3031300d060960864801650304020105000420', sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};
/** rsaEncryption with its NULL, as keys and certificates name it. */
const RSA = Buffer.from('06092a864886f70d0101010500', 'hex');

/** The content of the element at a place, and where it ends. */
function element(bytes, at, tag) {
  if (bytes[at] !== tag) throw new Error('the key is no public key of RSA');
  const first = bytes[at + 1];
  const wide = first & 0x80 ? first & 0x7f : 0;
  const length = wide ? bytes.readUIntBE(at + 2, wide) : first;
  const from = at + 2 + wide;
  return { content: bytes.subarray(from, from + length), end: from + length };
}

const number = (bytes) => BigInt(`0x${bytes.toString('hex') || '0'}`);

/** Modulus and exponent. */
function numbersOf(der) {
  const named = der.indexOf(RSA);
  const key = named < 0 ? der : element(der, named + RSA.length, 0x03).content.subarray(1);
  const { content } = element(key, 0, 0x30);
  const modulus = element(content, 0, 0x02);
  return { modulus: number(modulus.content), exponent: number(element(content, modulus.end, 0x02).content) };
}

function power(base, exponent, modulus) {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** `digest` makes one of a kind, of bytes. */
export function signatures(KeyObject, digest) {
  class PublicKey extends KeyObject {
    asymmetricKeyType = 'rsa';
    constructor(numbers, own) {
      super(own);
      this.type = 'public';
      this.numbers = numbers;
      this.asymmetricKeyDetails = { modulusLength: numbers.modulus.toString(2).length, publicExponent: numbers.exponent };
    }
  }

  function createPublicKey(given) {
    if (given instanceof PublicKey) return given;
    const { key = given, format } = typeof given === 'object' && !ArrayBuffer.isView(given) ? given : {};
    if (key instanceof PublicKey) return key;
    if (format === 'jwk' || key?.kty) {
      if (key.kty !== 'RSA') throw new Error(`a key of kind ${key.kty} is not there, RSA is`);
      const [modulus, exponent] = [key.n, key.e].map((text) => number(Buffer.from(text, 'base64url')));
      return new PublicKey({ modulus, exponent }, Buffer.from(JSON.stringify(key)));
    }
    const text = typeof key === 'string' ? key : Buffer.from(key).toString('latin1');
    const pem = /-----BEGIN (?:RSA )?(?:PUBLIC KEY|CERTIFICATE)-----([^-]+)-----END/.exec(text);
    if (!pem && format !== 'der') throw Object.assign(new Error('the key is no PEM of a public key'), { code: 'ERR_OSSL_UNSUPPORTED' });
    const der = pem ? Buffer.from(pem[1].replace(/\s/g, ''), 'base64') : Buffer.from(key);
    return new PublicKey(numbersOf(der), Buffer.from(text));
  }

  function isOf(name, data, key, signature) {
    const kind = String(name).toLowerCase().replace('rsa-', '').replace('-', '');
    if (!(kind in PREFIXES)) throw new Error(`Invalid digest: ${name}; ${Object.keys(PREFIXES).join(', ')} are there`);
    const { numbers } = createPublicKey(key);
    const size = Math.ceil(numbers.modulus.toString(16).length / 2);
    const [sum, told] = [number(Buffer.from(signature)), PREFIXES[kind] + digest(kind, data).toString('hex')];
    if (signature.length !== size || sum >= numbers.modulus || size < told.length / 2 + 11) return false;
    const made = power(sum, numbers.exponent, numbers.modulus).toString(16).padStart(size * 2, '0');
    return made === `0001${'ff'.repeat(size - 3 - told.length / 2)}00${told}`;
  }

  class Verify extends Writable {
    #parts = [];
    constructor(name) {
      super();
      this.kind = name;
    }
    update(data, encoding) {
      this.#parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data));
      return this;
    }
    _write(part, _, back) {
      this.update(part);
      back();
    }
    verify(key, signature, encoding) {
      return isOf(this.kind, Buffer.concat(this.#parts), key, typeof signature === 'string' ? Buffer.from(signature, encoding) : signature);
    }
  }
  return { createPublicKey, createVerify: (name) => new Verify(name), verify: isOf };
}

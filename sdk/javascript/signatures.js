// Signatures by RSA (PKCS #1) are checked: tokens of identity providers are signed so. Nothing is signed, for a sandbox holds no private keys.

import { Buffer, wrongType } from './buffer.js';
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

/** An element of ASN.1: its tag, how long it is, and what it contains. */
function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const size = content.length;
  const head = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function bytesOfNumber(value) {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

/** A first bit that is set would say that it is negative. */
function integer(value) {
  const bytes = bytesOfNumber(value);
  return der(0x02, Buffer.alloc(bytes[0] >> 7), bytes);
}

const pkcs1 = ({ modulus, exponent }) => der(0x30, integer(modulus), integer(exponent));
const spki = (numbers) => der(0x30, der(0x30, RSA), der(0x03, Buffer.alloc(1), pkcs1(numbers)));
const SHAPES = { spki: [spki, 'PUBLIC KEY'], pkcs1: [pkcs1, 'RSA PUBLIC KEY'] };

const pem = (bytes, title) => `-----BEGIN ${title}-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${title}-----\n`;

const jwk = ({ modulus, exponent }) => ({ kty: 'RSA', n: bytesOfNumber(modulus).toString('base64url'), e: bytesOfNumber(exponent).toString('base64url') });

const coded = (Kind, code, message) => Object.assign(new Kind(message), { code });
const wrongOption = (name, value) => coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The property 'options.${name}' is invalid. Received ${typeof value === 'string' ? `'${value}'` : String(value)}`);

/** A view's bytes, or those of a text. */
function bytesOf(value, encoding, name, expected) {
  if (typeof value === 'string' && encoding !== null) return Buffer.from(value, encoding);
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (!ArrayBuffer.isView(value)) throw wrongType(name, expected, value);
  return Buffer.view(value);
}
const DATA = 'of type string or an instance of Buffer, TypedArray, or DataView';
const VIEWS = 'an instance of Buffer, TypedArray, or DataView';

/** The name of a kind of digest as it is in the table. */
function kindOf(name) {
  const kind = String(name ?? 'sha256').toLowerCase().replace('rsa-', '').replace('-', '');
  if (!Object.hasOwn(PREFIXES, kind)) throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${name}; ${Object.keys(PREFIXES).join(', ')} are there`);
  return kind;
}

/** Only signatures of PKCS #1 1.5 can be checked. */
function checkPadding(padding) {
  if (padding === undefined || padding === 1) return;
  const name = padding === 6 ? 'RSA_PKCS1_PSS_PADDING' : padding;
  throw coded(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `crypto.verify with the padding ${name} is not there: a sandbox checks signatures of RSA_PKCS1_PADDING`);
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
    constructor(numbers) {
      super();
      this.type = 'public';
      this.numbers = numbers;
      this.asymmetricKeyDetails = { modulusLength: numbers.modulus.toString(2).length, publicExponent: numbers.exponent };
    }
    get symmetricKeySize() { return undefined; }
    export(options) {
      if (typeof options !== 'object' || options === null) throw wrongType('options', 'of type object', options);
      const { format, type } = options;
      if (format === 'jwk') return jwk(this.numbers);
      if (format !== 'pem' && format !== 'der') throw wrongOption('format', format);
      if (!Object.hasOwn(SHAPES, type)) throw wrongOption('type', type);
      const [shape, title] = SHAPES[type];
      return format === 'pem' ? pem(shape(this.numbers), title) : shape(this.numbers);
    }
    equals(other) {
      return other instanceof PublicKey && this.numbers.modulus === other.numbers.modulus && this.numbers.exponent === other.numbers.exponent;
    }
  }

  function createPublicKey(given) {
    if (given instanceof PublicKey) return given;
    const { key = given, format } = typeof given === 'object' && !ArrayBuffer.isView(given) ? given : {};
    if (key instanceof PublicKey) return key;
    if (key instanceof KeyObject) throw coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', `Invalid key object type ${key.type}, expected private or public.`);
    if (format === 'jwk' || key?.kty) {
      if (key.kty !== 'RSA') throw new Error(`a key of kind ${key.kty} is not there, RSA is`);
      const [modulus, exponent] = [key.n, key.e].map((text) => number(Buffer.from(text, 'base64url')));
      return new PublicKey({ modulus, exponent });
    }
    const bytes = bytesOf(key, 'utf8', 'key', 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey');
    const found = /-----BEGIN (?:RSA )?(?:PUBLIC KEY|CERTIFICATE)-----([^-]+)-----END/.exec(bytes.toString('latin1'));
    if (!found && format !== 'der') throw coded(Error, 'ERR_OSSL_UNSUPPORTED', 'the key is no PEM of a public key');
    return new PublicKey(numbersOf(found ? Buffer.from(found[1].replace(/\s/g, ''), 'base64') : bytes));
  }

  function isOf(name, data, key, signature) {
    const kind = kindOf(name);
    checkPadding(key?.padding);
    const { numbers } = createPublicKey(key);
    const size = Math.ceil(numbers.modulus.toString(16).length / 2);
    const [sum, told] = [number(signature), PREFIXES[kind] + digest(kind, data).toString('hex')];
    if (signature.length !== size || sum >= numbers.modulus || size < told.length / 2 + 11) return false;
    const made = power(sum, numbers.exponent, numbers.modulus).toString(16).padStart(size * 2, '0');
    return made === `0001${'ff'.repeat(size - 3 - told.length / 2)}00${told}`;
  }

  class Verify extends Writable {
    #parts = [];
    constructor(name) {
      super();
      this.kind = kindOf(name);
    }
    update(data, encoding) {
      this.#parts.push(Buffer.from(bytesOf(data, encoding, 'data', DATA)));
      return this;
    }
    _write(part, _, back) {
      this.update(part);
      back();
    }
    verify(key, signature, encoding) {
      return isOf(this.kind, Buffer.concat(this.#parts), key, bytesOf(signature, encoding, 'signature', DATA));
    }
  }

  /** What was found is returned or, where there is a callback, told to it. */
  function verify(name, data, key, signature, back) {
    const found = isOf(name, bytesOf(data, 'utf8', 'data', DATA), key, bytesOf(signature, null, 'signature', VIEWS));
    if (!back) return found;
    queueMicrotask(() => back(null, found));
  }
  return { createPublicKey, createVerify: (name) => new Verify(name), verify };
}

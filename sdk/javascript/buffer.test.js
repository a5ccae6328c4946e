// Buffers, digests and compressed bytes are those of Node.
import assert from 'node:assert/strict';
import nodes from 'node:crypto';
import test from 'node:test';
import nodeUtil from 'node:util';
import nodeZlib from 'node:zlib';
import { Buffer as Ours } from './buffer.js';
import { cryptography } from './crypto.js';
import { util } from './util.js';
import { zlib } from './zlib.js';

// What QuickJS has built in and this Node may not.
Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, 'base64'));

/** What a use gives, or how it fails. */
function told(use, from) {
  try {
    return JSON.stringify(use(from));
  } catch (error) {
    return `${error.name} ${error.code} ${error.message}`;
  }
}

function areAlike(uses, ours, nodes) {
  for (const use of uses) assert.equal(told(use, ours), told(use, nodes), String(use));
}

test('buffers do what those of Node do', () => {
  const uses = [
    (B) => new B('aGk=', 'base64').toString(),
    (B) => new B([1, 2, 3]),
    (B) => B.from('hello').slice(1, 3).toString(),
    (B) => B.compare(B.from('a'), B.from('ab')),
    (B) => [B.from('hello').indexOf('l'), B.from('hello').includes('xl'), B.from('hello').indexOf(108, 3)],
    (B) => B.alloc(5, 'ab').toString(),
    (B) => {
      const bytes = B.alloc(10);
      return [bytes.write('hi', 1), bytes.writeUInt16BE(258, 4), bytes.writeInt8(-1, 9), bytes];
    },
    (B) => [B.from('hé').toString('utf16le').length, B.from('hi', 'ucs2'), B.from('hé', 'latin1'), B.from('6869', 'hex').toString()],
    (B) => [B.isEncoding('UTF-8'), B.isEncoding('no'), B.byteLength('é')],
    (B) => {
      const [from, to] = [B.from('abc'), B.alloc(2)];
      return [from.copy(to, 0, 1), to];
    },
    (B) => B.from('xabé').subarray(1).toString(),
    (B) => [B.from([1, 2]).readUint16LE(), B.from('ff', 'hex').readInt8(), B.from([0, 0, 0, 0, 0, 0, 1, 0]).readBigUInt64BE().toString()],
    (B) => B.concat([B.from('a'), B.from('b')]).equals(B.from('ab')),
    (B) => B.from('abc').map((byte) => byte + 1).toString(),
  ];
  for (const use of uses) assert.equal(JSON.stringify(use(Ours)), JSON.stringify(use(Buffer)), String(use));
});

test('what Node compressed is read, and what is compressed here Node reads', () => {
  const rows = JSON.stringify(Array.from({ length: 2000 }, (_, at) => ({ at, x: Math.sin(at) })));
  for (const text of ['', 'a', 'abc'.repeat(9000), rows, '\0\xff'.repeat(3000)]) {
    const bytes = Buffer.from(text);
    for (const [there, back] of [['gzipSync', 'gunzipSync'], ['deflateSync', 'inflateSync'], ['deflateRawSync', 'inflateRawSync']]) {
      for (const level of [0, 1, 9]) assert.equal(zlib[back](nodeZlib[there](bytes, { level })).toString(), text);
      assert.equal(nodeZlib[back](zlib[there](bytes)).toString(), text);
    }
  }
  const two = Buffer.concat([nodeZlib.gzipSync('one '), nodeZlib.gzipSync('two')]);
  assert.equal(zlib.unzipSync(two).toString(), 'one two');
});

test('compressed bytes that are damaged, cut off or too large are told as by Node', () => {
  const whole = nodeZlib.gzipSync('hello hello hello');
  const wrong = Buffer.from(whole);
  wrong[wrong.length - 6] ^= 1;
  assert.throws(() => zlib.gunzipSync(Buffer.from('plain')), { code: 'Z_DATA_ERROR', message: 'incorrect header check' });
  assert.throws(() => zlib.gunzipSync(wrong), { code: 'Z_DATA_ERROR', message: 'incorrect data check' });
  assert.throws(() => zlib.gunzipSync(whole.subarray(0, 14)), { code: 'Z_BUF_ERROR' });
  const bomb = nodeZlib.gzipSync(Buffer.alloc(80 << 20));
  assert.throws(() => zlib.gunzipSync(bomb), { code: 'ERR_BUFFER_TOO_LARGE' });
});

test('digests are those of Node', () => {
  const ours = cryptography({});
  for (const kind of ['sha512', 'sha384', 'sha256', 'sha1', 'md5']) {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000]) {
      const bytes = nodes.randomBytes(length);
      assert.equal(ours.createHash(kind).update(bytes).digest('hex'), nodes.createHash(kind).update(bytes).digest('hex'), `${kind} ${length}`);
      const keyed = (from) => from.createHmac(kind, bytes).update('a').update('b').digest('base64');
      assert.equal(keyed(ours), keyed(nodes), `${kind} ${length}`);
    }
  }
  assert.throws(() => ours.createHash('sha3'), /Digest method not supported: sha3; sha256, sha512, sha384, sha1, md5 are there/);
  assert.equal(ours.pbkdf2Sync('p', 's', 9, 70, 'sha512').toString('hex'), nodes.pbkdf2Sync('p', 's', 9, 70, 'sha512').toString('hex'));
  assert.throws(() => ours.createSign('RSA-SHA256'), /crypto.createSign is not there: a sandbox does not have it/);
  assert.ok(ours.timingSafeEqual(Buffer.from('a'), Buffer.from('a')));
});

test('buffers are made and read in every way that Node has', () => {
  const uses = [
    (B) => String(new B.from('aGk=', 'base64')), (B) => B('abc').toString('hex'), (B) => new B(3).length, (B) => new B([1, 2]).toString('hex'),
    (B) => B.from('abcdef').subarray(1, 3) instanceof B, (B) => String(B.from('ab').map((byte) => byte + 1)), (B) => B.of(1, 2).toString('hex'),
    (B) => B.from('0102030405060708a0', 'hex').readUIntBE(0, 6), (B) => B.from('0102030405060708a0', 'hex').readUIntLE(1, 3),
    (B) => B.from('ff80', 'hex').readIntBE(0, 2), (B) => B.from('ff80', 'hex').readIntLE(0, 2), (B) => B.from('abcabc').lastIndexOf('bc'),
    (B) => B.from('01020304', 'hex').swap16().toString('hex'), (B) => B.from('01020304', 'hex').swap32().toString('hex'),
    (B) => { const b = B.alloc(6); b.writeUIntBE(0x010203, 0, 3); b.writeIntLE(-2, 3, 3); return b.toString('hex'); },
    (B) => B.from('abc').utf8Slice(1, 3), (B) => { const b = B.alloc(3); b.utf8Write('xy', 1, 2); return b.toString('hex'); },
  ];
  for (const use of uses) assert.equal(use(Ours), use(Buffer), String(use));
});

test('signatures are checked as by Node', () => {
  const ours = cryptography({});
  const { publicKey, privateKey } = nodes.generateKeyPairSync('rsa', { modulusLength: 1024 });
  const shapes = [
    publicKey.export({ type: 'spki', format: 'pem' }), publicKey.export({ type: 'pkcs1', format: 'pem' }), { key: publicKey.export({ format: 'jwk' }), format: 'jwk' },
    { key: publicKey.export({ type: 'spki', format: 'der' }), format: 'der', type: 'spki' },
  ];
  for (const kind of ['RSA-SHA256', 'sha512', 'RSA-SHA1']) {
    const signature = nodes.createSign(kind).update('told').sign(privateKey);
    for (const shape of shapes) {
      const key = ours.createPublicKey(shape);
      assert.deepEqual([key.type, key.asymmetricKeyType, key.asymmetricKeyDetails.modulusLength], ['public', 'rsa', 1024]);
      assert.ok(ours.createVerify(kind).update('to').update('ld').verify(key, signature));
      assert.ok(ours.createVerify(kind).update('told').verify(shape, signature.toString('base64'), 'base64'));
      assert.equal(ours.createVerify(kind).update('toll').verify(key, signature), false);
      assert.equal(ours.verify(kind, Buffer.from('told'), key, signature.subarray(1)), false);
      const other = Buffer.from(signature);
      other[20] ^= 1;
      assert.equal(ours.verify(kind, Buffer.from('told'), key, other), false);
    }
  }
  assert.throws(() => ours.createPublicKey('a secret'), /no PEM of a public key/);
});

test('buffers are put together, cut and shown as by Node', () => {
  areAlike([
    (B) => B.concat([B.from('abc'), B.from('def')], 2), (B) => B.concat([B.from('abc'), B.from('def')], 0), (B) => B.concat([B.from('ab')], 4), (B) => B.concat([B.from('ab')], -1), (B) => B.concat(['ab']),
    (B) => B.from('abcabc').toString('utf8', -3), (B) => B.from('abcabc').toString('utf8', 2, -1), (B) => B.from('abcabc').toString('utf8', 4, 2), (B) => B.from('abcabc').toString('utf8', 1.7, 9),
    (B) => B.from('abzzcd', 'hex'), (B) => B.from('abc', 'hex'), (B) => B.from('zz', 'hex'), (B) => B.from('abcz', 'HEX'), (B) => B.alloc(4).write('abzz', 'hex'),
  ], Ours, Buffer);
});

test('buffers are searched, filled, compared and copied as by Node', () => {
  areAlike([
    (B) => B.from('abcabc').indexOf('c', -2), (B) => B.from('abcabc').indexOf('c', -20), (B) => B.from('abcabc').indexOf('6162', 'hex'), (B) => B.from('abcabc').indexOf('', 30), (B) => B.from('aab').indexOf('ab'),
    (B) => B.from('abcabc').lastIndexOf('a', -4), (B) => B.from('abcabc').lastIndexOf('a', -40), (B) => B.from('abcabc').lastIndexOf(97, undefined), (B) => B.from('abcabc').includes('6162', 'hex'), (B) => B.from('a').indexOf({}),
    (B) => B.alloc(4).fill('6162', 'hex'), (B) => B.alloc(4).fill('abc', 1, 'latin1'), (B) => B.alloc(4).fill('zz', 'hex'), (B) => B.alloc(4).fill(''), (B) => B.alloc(4).fill(true), (B) => B.alloc(4).fill('a', -1), (B) => B.alloc(4).fill(1, 2, 9),
    (B) => B.from('abc').compare(B.from('xabcy'), 1, 4), (B) => B.from('xabc').compare(B.from('abc'), 0, 3, 1), (B) => B.from('a').compare(B.from('b'), 0, 99), (B) => B.from('a').compare('a'), (B) => B.from('a').equals('a'),
    (B) => B.from('abc').copy(B.alloc(3), 9), (B) => B.from('abc').copy(B.alloc(3), 0, 9), (B) => B.from('abc').copy(B.alloc(3), -1), (B) => B.from('abc').copy(B.alloc(3), 1, 2, 99), (B) => B.from('abc').copy(B.alloc(3), 0, 2, 1),
  ], Ours, Buffer);
});

test('numbers that do not fit, and places that are not there, are refused as by Node', () => {
  const values = [300, -200, 2 ** 40, '5', NaN, 1.5];
  const writes = ['writeUInt8', 'writeInt8', 'writeUInt16LE', 'writeInt16BE', 'writeUInt32BE', 'writeInt32LE'].flatMap((name) => values.map((value) => (B) => B.alloc(8)[name](value)));
  const reads = ['readUInt8', 'readUInt32LE', 'readDoubleBE', 'readBigInt64LE'].flatMap((name) => [8, 5, -1, 1.5, '1', undefined].map((at) => (B) => String(B.alloc(8)[name](at))));
  areAlike([
    ...writes, ...reads, (B) => B.alloc(2).readUInt32LE(), (B) => B.alloc(8).writeUInt8(1, 8), (B) => B.alloc(8).writeBigUInt64LE(-1n), (B) => B.alloc(8).writeBigInt64LE(2n ** 63n), (B) => B.alloc(8).writeUIntBE(2 ** 48, 0, 6),
    (B) => B.alloc(8).writeIntLE(-129, 0, 1), (B) => B.alloc(8).writeUIntBE(1, 6, 3), (B) => B.alloc(8).writeUIntBE(1, 0, 7), (B) => B.alloc(8).readUIntBE(0, 7), (B) => B.alloc(8).readUIntLE(6, 3), (B) => B.alloc(8).readIntBE(0),
  ], Ours, Buffer);
});

const ours = () => cryptography({ getRandomValues: (array) => nodes.getRandomValues(array) });

test('bytes of every view are compared, whole', async () => {
  const equal = (one, other) => (from) => from.timingSafeEqual(one, other);
  areAlike([
    equal(new Uint16Array([1]), new Uint8Array([1, 0])), equal(new Uint16Array([1]), new Uint16Array([257])), equal(new ArrayBuffer(2), new DataView(new ArrayBuffer(2))), equal(Buffer.from('ab'), Buffer.from('ac')),
    equal(Buffer.from('a'), Buffer.from('ab')), equal(new Uint8Array(2), new Uint16Array(2)),
  ], ours(), nodes);
  assert.throws(() => ours().timingSafeEqual('a', 'a'), { code: 'ERR_INVALID_ARG_TYPE', message: /^The "buf1" argument must be/ });
  const { subtle } = ours();
  const key = await subtle.importKey('raw', new Uint16Array([256]), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
  const signature = await subtle.sign('HMAC', key, Buffer.from('told'));
  assert.equal(Buffer.from(signature).toString('hex'), nodes.createHmac('sha256', Buffer.from([0, 1])).update('told').digest('hex'));
  assert.deepEqual([await subtle.verify('HMAC', key, signature, Buffer.from('told')), await subtle.verify('HMAC', key, signature.slice(1), Buffer.from('told'))], [true, false]);
  await assert.rejects(subtle.digest('SHA-256', 5), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('digests are of the bytes of a view, and of nothing else', () => {
  const hashed = (data) => (from) => from.createHash('sha256').update(data).digest('hex');
  areAlike([
    hashed(new Uint16Array([256])), hashed(new DataView(Uint8Array.of(1, 2, 3).buffer, 1)), hashed(new Float64Array([1.5])), hashed(5), hashed({}), hashed([1]), hashed(null), hashed(undefined),
    (from) => from.createHmac('md5', new Uint16Array([256])).update('a').digest('hex'), (from) => from.createHmac('md5', new ArrayBuffer(2)).update('a').digest('hex'), (from) => from.createHmac('md5', 5), (from) => from.createHash(5),
  ], ours(), nodes);
  for (const name of ['constructor', '__proto__', 'toString']) assert.throws(() => ours().createHash(name), /Digest method not supported/);
  const bytes = Buffer.from('a');
  const hash = ours().createHash('md5').update(bytes);
  bytes[0] = 98;
  assert.equal(hash.digest('hex'), nodes.createHash('md5').update('a').digest('hex'));
});

test('random bytes keep to their part', async () => {
  const zeros = (bytes) => [...bytes].map((byte) => (byte === 0 ? 0 : 1));
  assert.deepEqual(zeros(ours().randomFillSync(Buffer.alloc(64), 60)).slice(0, 60), new Array(60).fill(0));
  const wide = ours().randomFillSync(new BigUint64Array(4), 1, 2);
  assert.deepEqual([wide[0], wide[3], wide[1] !== 0n, wide[2] !== 0n], [0n, 0n, true, true]);
  areAlike([(from) => from.randomFillSync(Buffer.alloc(8), 9), (from) => from.randomFillSync(Buffer.alloc(8), 4, 5), (from) => from.randomFillSync(Buffer.alloc(8), 'a'), (from) => from.randomFillSync(Buffer.alloc(8), 8)], ours(), nodes);
  const filled = await new Promise((resolve) => ours().randomFill(Buffer.alloc(32), 16, (_, bytes) => resolve(bytes)));
  assert.deepEqual(zeros(filled).slice(0, 16), new Array(16).fill(0));
});

const pair = nodes.generateKeyPairSync('rsa', { modulusLength: 1024 });

test('public keys are written as by Node, whatever they were made of', () => {
  const jwk = pair.publicKey.export({ format: 'jwk' });
  const shapes = [{ key: jwk, format: 'jwk' }, pair.publicKey.export({ type: 'spki', format: 'pem' }), { key: pair.publicKey.export({ type: 'pkcs1', format: 'der' }), format: 'der', type: 'pkcs1' }];
  const options = [{ type: 'spki', format: 'pem' }, { type: 'spki', format: 'der' }, { type: 'pkcs1', format: 'pem' }, { type: 'pkcs1', format: 'der' }, { format: 'jwk' }, undefined, {}, { format: 'pem' }, { format: 'der', type: 'constructor' }];
  const small = { kty: 'RSA', n: Buffer.concat([Buffer.from([0x7f]), nodes.randomBytes(100)]).toString('base64url'), e: 'Aw' };
  for (const shape of [...shapes, { key: small, format: 'jwk' }]) areAlike(options.map((one) => (from) => from.createPublicKey(shape).export(one)), ours(), nodes);
  const from = ours();
  assert.ok(from.createPublicKey(shapes[0]).equals(from.createPublicKey(shapes[1])));
  assert.ok(!from.createPublicKey(shapes[0]).equals(from.createSecretKey('a')));
  areAlike([(one) => one.createHmac('sha256', one.createPublicKey(shapes[0]))], from, nodes);
  assert.throws(() => from.createPublicKey(from.createSecretKey('a')), { code: 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE' });
});

test('signatures are checked with a callback, and what cannot be checked is told', async () => {
  const [from, data] = [ours(), Buffer.from('told')];
  const [key, signature] = [from.createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' })), nodes.sign('sha256', data, pair.privateKey)];
  const checked = (bytes) => new Promise((resolve) => assert.equal(from.verify('sha256', bytes, key, signature, (...values) => resolve(values)), undefined));
  assert.deepEqual([await checked(data), await checked(Buffer.from('toll'))], [[null, true], [null, false]]);
  const padding = from.constants.RSA_PKCS1_PSS_PADDING;
  assert.equal(padding, nodes.constants.RSA_PKCS1_PSS_PADDING);
  const refusal = { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', message: /RSA_PKCS1_PSS_PADDING is not there/ };
  assert.throws(() => from.verify('sha256', data, { key, padding }, signature), refusal);
  assert.throws(() => from.createVerify('sha256').update(data).verify({ key, padding }, signature), refusal);
  for (const name of ['nope', 'constructor']) assert.throws(() => from.verify(name, data, key, signature), { code: 'ERR_CRYPTO_INVALID_DIGEST' });
  areAlike([(one) => one.createVerify('sha256').update(5), (one) => one.verify('sha256', data, pair.publicKey.export({ type: 'spki', format: 'pem' }), 'x')], from, nodes);
});

test('keys are known as keys', async () => {
  const [from, algorithm] = [ours(), { name: 'HMAC', hash: 'SHA-256' }];
  const kinds = async (crypto, { types }) => {
    const all = [crypto.createSecretKey(Buffer.from('a')), crypto.createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' })), await crypto.subtle.importKey('raw', Buffer.from('a'), algorithm, true, ['sign']), {}, null];
    return all.map((one) => [types.isKeyObject(one), types.isCryptoKey(one), Object.prototype.toString.call(one)]);
  };
  assert.deepEqual(await kinds(from, util), await kinds(nodes, nodeUtil));
});

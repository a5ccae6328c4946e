// Buffers, digests and compressed bytes are those of Node.
import assert from 'node:assert/strict';
import nodes from 'node:crypto';
import test from 'node:test';
import nodeZlib from 'node:zlib';
import { Buffer as Ours } from './buffer.js';
import { cryptography } from './crypto.js';
import { zlib } from './zlib.js';

// What QuickJS has built in and this Node may not.
Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, 'base64'));

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

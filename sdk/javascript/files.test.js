// Files that are kept open are written where they are at.
import assert from 'node:assert/strict';
import test from 'node:test';

import { openFiles } from './open_files.js';

function made(text) {
  const kept = { a: Buffer.from(text) };
  const whole = {
    existsSync: (path) => path in kept,
    statSync: (path) => assert.ok(path in kept),
    readFileSync: (path) => kept[path],
    writeFileSync: (path, bytes) => void (kept[path] = Buffer.from(bytes)),
    appendFileSync: (path, bytes) => void (kept[path] = Buffer.concat([kept[path], Buffer.from(bytes)])),
  };
  return { kept, fs: openFiles(whole, Buffer, () => {}) };
}

test('a file is written at its place, at a given one, or at its end', () => {
  const { kept, fs } = made('abcdef');
  const fd = fs.openSync('a', 'r+');
  fs.writeSync(fd, 'Z', 0);
  assert.equal(String(kept.a), 'Zbcdef');
  fs.writeSync(fd, Buffer.from('12'), 0, 2);
  fs.writeSync(fd, Buffer.from('3'));
  assert.equal(String(kept.a), '123def');
  fs.writeSync(fd, '!', 8);
  assert.equal(String(kept.a), '123def\0\0!');
  fs.writeSync(fs.openSync('a', 'a'), '+');
  assert.ok(String(kept.a).endsWith('!+'));
});

test('a file is read from a place that is named', () => {
  const { fs } = made('abcdef');
  const [fd, buffer] = [fs.openSync('a'), Buffer.alloc(2)];
  assert.equal(fs.readSync(fd, buffer, { position: 4 }), 2);
  assert.equal(String(buffer), 'ef');
  assert.equal(fs.readSync(fd, buffer), 2);
  assert.equal(String(buffer), 'ab');
});

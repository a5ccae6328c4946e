// Paths as Node has them.
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import test from 'node:test';
import { path } from './path.js';

test('paths are taken apart and put together as by Node', () => {
  const paths = ['', '.', '/', '/tmp/a.txt', 'a/b/../c.tar.gz', '../x', '/../x/', 'a//b/', './a', '.env', 'x.', '/a/./b/..', 'a/b/'];
  for (const one of paths) {
    for (const name of ['normalize', 'isAbsolute', 'dirname', 'basename', 'extname']) {
      assert.equal(path[name](one), posix[name](one), `${name}(${JSON.stringify(one)})`);
    }
    assert.deepEqual(path.parse(one), posix.parse(one), one);
    assert.equal(path.format(path.parse(one)), posix.format(posix.parse(one)), one);
    assert.equal(path.relative('/tmp/x', `/${one}`), posix.relative('/tmp/x', `/${one}`), one);
    assert.equal(path.join('/tmp', one), posix.join('/tmp', one), one);
    assert.equal(path.resolve('/tmp', one), posix.resolve('/tmp', one), one);
  }
  assert.equal(path.basename('/tmp/a.txt', '.txt'), 'a');
  assert.equal(path.resolve('data.json'), '/var/task/data.json');
});

// Places of the made file are those of the written one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { callsOf } from './places.js';

// Two lines were made of `a.ts`, the second of its lines 3 and 4; the third is of `lib/b.js`, line 1.
const map = JSON.stringify({ sources: ['../../a.ts', '../../lib/b.js'], mappings: 'AAAA;AAEA,KACA;ACHA' });

test('calls are named by the file that was written', () => {
  const stack = '    at thrown (<input>:4:3)\n    at handler (<input>:4:9)\n    at <anonymous> (<input>:5:1)\n    at run (/runtime.js:9:9)';
  assert.deepEqual(callsOf(stack, map), [
    { file: 'a.ts', line: 3, name: 'thrown' }, { file: 'a.ts', line: 4, name: 'handler' }, { file: 'lib/b.js', line: 1, name: '' },
  ]);
});

test('what no map knows is left out', () => {
  assert.deepEqual(callsOf('    at f (<input>:90:1)', map), []);
  assert.deepEqual(callsOf('    at f (<input>:4:1)', undefined), []);
  assert.deepEqual(callsOf(undefined, map), []);
});

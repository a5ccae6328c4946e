// Bytes with a kind, and forms, are what they are in Node, and are sent alike.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Blob as OwnBlob, File as OwnFile, FormData as OwnForm } from './forms.js';
import { Response as OwnResponse } from './web.js';

Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, 'base64'));

const kinds = [[OwnBlob, OwnFile, OwnForm, OwnResponse], [Blob, File, FormData, Response]];

async function alike(use) {
  const [ours, nodes] = [await use(...kinds[0]), await use(...kinds[1])];
  assert.deepEqual(ours, nodes);
}

test('bytes are put together, cut and read', () =>
  alike(async (B, F, _, R) => {
    const blob = new B(['a', new Uint8Array([98]), new B(['c']), new ArrayBuffer(1)], { type: 'Text/Plain' });
    const file = new F(['x'], 'n.txt', { lastModified: 5 });
    const answer = await new R(blob).blob();
    return [
      await blob.text(), blob.size, blob.type, await blob.slice(1, -1).text(), [...new Uint8Array(await blob.arrayBuffer())], file.name, file.lastModified, file instanceof B,
      new R(blob).headers.get('content-type'), answer.type, await answer.text(),
    ];
  }));

test('forms keep what they are given and are sent as parts', () =>
  alike(async (B, F, Form, R) => {
    const form = new Form();
    form.append('a', 'one\ntwo');
    form.append('a', 3);
    form.append('q"n', new F(['x'], 'n".txt', { type: 'text/css' }));
    form.append('b', new B(['y']), 'y.bin');
    form.append('c', new B(['z']));
    form.set('a', 'only');
    form.append('gone', 1);
    form.delete('gone');
    const answer = new R(form);
    const kind = answer.headers.get('content-type');
    const boundary = kind.split('boundary=')[1];
    return [form.get('a'), form.getAll('a'), form.has('b'), form.get('no'), [...form.keys()], form.get('c').name, kind.replace(boundary, 'B'), (await answer.text()).replaceAll(boundary, 'B').trimEnd()];
  }));

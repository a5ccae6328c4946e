// Streams do what Node's do: the same stories with both, and the same told.
import assert from 'node:assert/strict';
import nodes from 'node:stream';
import { StringDecoder as Decoder } from 'node:string_decoder';
import test from 'node:test';
import { inherits } from 'node:util';
import { Buffer as OwnBuffer } from './buffer.js';
import { StringDecoder } from './decoder.js';
import { stream as own } from './pipelines.js';

Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this.buffer, this.byteOffset, this.length).toString('base64');
};

const upper = ({ Transform }) => new Transform({ transform: (part, _, back) => back(null, String(part).toUpperCase()), flush(back) { back(null, '!'); } });
const taking = ({ Writable }, told, options) =>
  new Writable({ highWaterMark: 4, ...options, write(part, encoding, back) { told.push(`${part} ${encoding}`); setImmediate(back); }, final(back) { told.push('final'); back(); } });
const until = (emitter, ...names) => new Promise((resolve) => names.forEach((name) => emitter.on(name, (value) => resolve([name, value?.message]))));

const codeOf = (promise) => promise.then(() => 'well', (error) => error.code);

const STORIES = {
  async 'pipes with back-pressure'(module, told) {
    const end = taking(module, told);
    module.Readable.from(['one', 'two', 'three']).pipe(upper(module)).pipe(end);
    told.push(await until(end, 'finish', 'error'), end.writableFinished, end.writableEnded);
  },
  async 'iterates'(module, told) {
    for await (const part of module.Readable.from([1, 2, 3])) told.push(part);
    // How much comes at once is not said.
    let all = '';
    for await (const part of module.Readable.from(['a', 'b']).pipe(upper(module))) all += part;
    told.push(all);
    told.push(await module.Readable.from([Promise.resolve(1), 2]).toArray());
  },
  async 'reads what was pushed, as texts'(module, told) {
    const source = new module.Readable({ encoding: 'utf8', read() {} });
    const bytes = Buffer.from('aé€😀z');
    for (const byte of bytes) source.push(Buffer.from([byte]));
    source.push(null);
    let all = '';
    source.on('data', (part) => (all += part)).on('end', () => told.push('end'));
    told.push((await until(source, 'close'))[0], all, source.readableEnded, source.destroyed);
  },
  async 'reads when it is readable'(module, told) {
    const source = module.Readable.from([Buffer.from('abc'), Buffer.from('de')], { objectMode: false });
    let all = '';
    source.on('readable', () => {
      for (let part = source.read(); part !== null; part = source.read()) all += part;
    });
    told.push((await until(source, 'end'))[0], all);
  },
  async 'tells errors once and closes'(module, told) {
    const source = new module.Readable({ read() { this.destroy(new Error('no more')); } });
    source.on('close', () => told.push('closed'));
    source.resume();
    told.push(await until(source, 'error', 'end'));
    await new Promise((resolve) => setImmediate(resolve));
    const sink = new module.Writable({ write: (part, _, back) => back(new Error('full')) });
    sink.write('x', (error) => told.push(`told ${error?.message}`));
    told.push(await until(sink, 'error'), sink.destroyed);
  },
  async 'refuses writing after the end'(module, told) {
    const sink = taking(module, told);
    sink.end('last', () => told.push('finished'));
    const failed = until(sink, 'error');
    sink.write('late');
    told.push(await failed);
  },
  async 'chains end and fail as one'(module, told) {
    await module.promises.pipeline(module.Readable.from(['a', 'b']), upper(module), taking(module, told));
    told.push('done');
    const bad = new module.Transform({ transform: (part, _, back) => back(new Error('bad')) });
    told.push(await module.promises.pipeline(module.Readable.from(['a']), bad, taking(module, [])).catch((error) => error.message));
    told.push(await module.promises.pipeline(['x', 'y'], async function* (parts) { for await (const part of parts) yield `${part}${part}`; }, async (parts) => (await module.Readable.from(parts).toArray()).join()));
    const source = module.Readable.from(['q']);
    source.resume();
    await module.promises.finished(source);
  },
  async 'works for what was made before there were classes'(module, told) {
    function Lines() {
      module.Transform.call(this, { readableObjectMode: true });
    }
    inherits(Lines, module.Transform);
    Lines.prototype._transform = function (part, _, back) {
      for (const line of String(part).split('\n')) this.push({ line });
      back();
    };
    function Old() {
      module.Stream.call(this);
      this.readable = true;
    }
    inherits(Old, module.Stream);
    const old = new Old();
    const lines = old.pipe(new Lines());
    old.emit('data', 'a\nb');
    old.emit('end');
    told.push(await lines.toArray(), lines instanceof module.Readable, lines instanceof module.Writable, lines instanceof module.Duplex, module.Readable() instanceof module.Writable);
  },
  async 'goes on where it was paused'(module, told) {
    const source = module.Readable.from(['a', 'b', 'c']);
    source.on('data', (part) => {
      told.push(part);
      if (part === 'c') return;
      source.pause();
      setImmediate(() => {
        told.push(source.isPaused());
        source.resume();
      });
    });
    told.push((await until(source, 'end'))[0]);
    const pass = new module.PassThrough();
    pass.write('1');
    pass.end('2');
    told.push(String(Buffer.concat(await pass.toArray())), pass.writableFinished);
  },
  async 'says when it is closed before its end'(module, told) {
    const iterated = async (source) => { for await (const part of source) told.push(String(part)); };
    const [early, late] = [new module.Readable({ read() {} }), new module.Readable({ read() {} })];
    early.destroy();
    late.push('a');
    setTimeout(() => late.destroy(), 5);
    for (const source of [early, late]) told.push(await codeOf(iterated(source)), await codeOf(module.promises.finished(source)));
    told.push(await codeOf(module.promises.finished(early, { readable: false })));
    const ended = module.Readable.from(['b']);
    await iterated(ended);
    told.push(await codeOf(iterated(ended)), await codeOf(module.promises.finished(ended)));
  },
  async 'is readable when something came'(module, told) {
    const source = new module.Readable({ read() {} });
    source.push('abc');
    setTimeout(() => source.push('d') && source.push(null), 5);
    let calls = 0;
    source.on('readable', () => {
      const part = source.read(4);
      if (part) told.push(String(part));
      if ((calls += 1) > 9) source.destroy(new Error('told too often'));
    });
    told.push(await until(source, 'end', 'error'));
  },
  async 'flows for those who come when it was readable'(module, told) {
    const source = new module.Readable({ read() {} });
    source.push('a');
    source.once('readable', () => source.on('data', (part) => told.push(String(part))));
    setTimeout(() => source.push('b') && source.push(null), 5);
    told.push((await until(source, 'end'))[0]);
    const other = module.Readable.from(['c']).on('readable', () => {});
    other.removeAllListeners('readable').on('data', (part) => told.push(part));
    told.push((await until(other, 'end'))[0]);
  },
  async 'ends with a final of its own'(module, told) {
    const final = (back) => { told.push('final'); setTimeout(back, 2); };
    const flush = (back) => { told.push('flush'); back(null, '!'); };
    class Own extends module.Transform {}
    Object.assign(Own.prototype, { _final: final });
    for (const [Kind, options] of [[module.Transform, { final }], [Own, {}], [module.Transform, {}]]) {
      const made = new Kind({ transform: (part, _, back) => back(null, part), flush, ...options });
      for (const name of ['finish', 'end']) made.on(name, () => told.push(name));
      made.on('data', (part) => told.push(String(part))).end('x');
      await until(made, 'close');
    }
  },
  async 'of a chain that closes early fails the chain'(module, told) {
    for (const which of [0, 1, 2]) {
      const parts = [new module.Readable({ read() {} }), new module.PassThrough(), taking(module, [])];
      setTimeout(() => parts[which].destroy(), 2);
      told.push(await codeOf(module.promises.pipeline(...parts)), parts.map((one) => one.destroyed));
    }
    told.push(await module.promises.pipeline(module.Readable.from(['a', 'b']), async (parts) => { for await (const part of parts) return part; }));
  },
  async 'of a chain is called off'(module, told) {
    const parts = () => [new module.Readable({ read() {} }), taking(module, [])];
    for (const wait of [undefined, 2]) {
      const [calling, all] = [new AbortController(), parts()];
      if (wait) setTimeout(() => calling.abort(), wait);
      else calling.abort();
      told.push(await codeOf(module.promises.pipeline(...all, { signal: calling.signal })), all.map((one) => one.destroyed));
      told.push(await codeOf(module.promises.finished(parts()[0], { signal: calling.signal })));
    }
  },
  async 'that fails tells all who wait to write'(module, told) {
    const hear = (name) => (error) => told.push(`${name} ${error?.message}`);
    const sink = new module.Writable({ write: (part, _, back) => setImmediate(back, new Error('full')) });
    for (const name of ['a', 'b']) sink.write(name, hear(name));
    sink.on('error', hear('error')).end('c', hear('end'));
    await until(sink, 'close');
    const gone = new module.Writable({ write: (part, _, back) => setImmediate(back) });
    for (const name of ['a', 'b']) gone.write(name, hear(name));
    gone.end(hear('end')).destroy();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const bad = new module.Writable({ write: (part, _, back) => back(), final() { throw new Error('no end'); } });
    bad.on('finish', hear('finish')).end('x');
    told.push(await until(bad, 'error', 'finish'));
  },
  async 'may hold nothing'(module, told) {
    const end = taking(module, told, { highWaterMark: 0 });
    told.push(await codeOf(module.promises.pipeline(['a', 'b'], new module.PassThrough({ highWaterMark: 0 }), end)));
    told.push(await new module.Readable({ highWaterMark: 0, read() { this.push(this.isLast ? null : 'c'); this.isLast = true; } }).toArray().then(String));
  },
  async 'lets go of what it iterates'(module, told) {
    async function* given() { try { yield 1; yield 2; } catch (error) { told.push(error.message); } finally { told.push('left'); } }
    for await (const part of module.Readable.from(given())) { told.push(part); break; }
    await new Promise((resolve) => setTimeout(resolve, 2));
    const source = module.Readable.from(given());
    source.once('data', () => source.destroy(new Error('enough')));
    told.push(await until(source, 'error', 'end'));
  },
};

for (const [name, story] of Object.entries(STORIES)) {
  test(`a stream ${name}`, { timeout: 5000 }, async () => {
    const [ours, nodesOwn] = [[], []];
    await story(nodes, nodesOwn);
    await story(own, ours);
    assert.deepEqual(ours, nodesOwn);
  });
}

test('texts of bytes that come one by one', () => {
  for (const encoding of ['utf8', 'utf16le', 'base64', 'hex', 'latin1']) {
    const all = Buffer.from('aé€😀z\xff');
    const told = (Kind, Bytes) => {
      const decoder = new Kind(encoding);
      return [...all].map((byte) => decoder.write(Bytes.from([byte]))).join('') + decoder.end();
    };
    assert.equal(told(StringDecoder, OwnBuffer), told(Decoder, Buffer), encoding);
  }
});

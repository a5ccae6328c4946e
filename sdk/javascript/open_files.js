// Files of Node's `fs` that are kept open: by number, and as streams. The log is 1 and 2.

import { Readable, Writable } from './streams.js';

const FIRST = 3;

/** `whole` are the calls over whole files, `log` takes what is written to the numbers of the log. */
export function openFiles(whole, Buffer, log) {
  const open = new Map();
  let next = FIRST;
  const file = (fd) => {
    const found = open.get(fd);
    if (!found) throw Object.assign(new Error('EBADF: bad file descriptor'), { code: 'EBADF' });
    return found;
  };

  function openSync(path, flags = 'r') {
    const [isNew, isAppended] = [/w/.test(flags), /a/.test(flags)];
    if (/x/.test(flags) && whole.existsSync(path)) throw Object.assign(new Error(`EEXIST: file already exists, open '${path}'`), { code: 'EEXIST', path });
    if (isNew) whole.writeFileSync(path, '');
    else if (isAppended) whole.appendFileSync(path, '');
    else whole.statSync(path);
    open.set(next, { path, at: 0, isAppended });
    next += 1;
    return next - 1;
  }

  function readSync(fd, buffer, ...where) {
    const named = typeof where[0] === 'object' ? where[0] ?? {} : { offset: where[0], length: where[1], position: where[2] };
    const { offset = 0, position = null } = named;
    const { length = buffer.byteLength - offset } = named;
    const found = file(fd);
    const from = position ?? found.at;
    const part = whole.readFileSync(found.path).subarray(from, from + length);
    buffer.set(part, offset);
    if (position === null) found.at += part.length;
    return part.length;
  }

  /** Where the file is at, or at a place of it; a gap is zeros. */
  function put(found, bytes, position) {
    const before = whole.readFileSync(found.path);
    const at = found.isAppended ? before.length : position ?? found.at;
    if (position === undefined) found.at = at + bytes.length;
    if (at === before.length) return whole.appendFileSync(found.path, bytes);
    const all = Buffer.alloc(Math.max(before.length, at + bytes.length));
    all.set(before);
    all.set(bytes, at);
    whole.writeFileSync(found.path, all);
  }

  function writeSync(fd, data, ...rest) {
    const isText = typeof data === 'string';
    const [offset, length] = isText ? [] : rest;
    const position = isText ? rest[0] : rest[2];
    const bytes = isText ? Buffer.from(data, rest.at(-1)?.charAt ? rest.at(-1) : 'utf8') : data.subarray(offset ?? 0, (offset ?? 0) + (length ?? data.length));
    if (fd === 1 || fd === 2) log(fd === 1 ? 2 : 4, Buffer.from(bytes).toString().replace(/\n$/, ''));
    else put(file(fd), bytes, typeof position === 'number' ? position : undefined);
    return bytes.length;
  }

  const calls = {
    open: openSync, read: readSync, write: writeSync,
    close: (fd) => void open.delete(fd),
    fstat: (fd) => whole.statSync(file(fd).path),
    fsync() {}, fdatasync() {}, fchmod() {}, chmod() {}, utimes() {},
    truncate: (path, length = 0) => whole.writeFileSync(path, whole.readFileSync(path).subarray(0, length)),
    realpath: (path) => String(path),
  };
  const made = {};
  for (const [name, call] of Object.entries(calls)) {
    made[`${name}Sync`] = call;
    made[name] = (...values) => {
      const back = values.pop();
      new globalThis.Promise((resolve) => resolve(call(...values))).then((value) => back(null, value, values[1]), back);
    };
  }

  made.createReadStream = (path, options = {}) => {
    const { start = 0, end = Infinity, encoding = typeof options === 'string' ? options : undefined, highWaterMark = 65536 } = options;
    let at = start;
    let all;
    const stream = new Readable({
      encoding, highWaterMark,
      read(size) {
        // Whoever listens for errors has begun to when the first part is asked for.
        all ??= whole.readFileSync(path).subarray(0, end + 1);
        const part = all.subarray(at, at + size);
        at += part.length;
        this.push(part.length > 0 ? part : null);
      },
    });
    globalThis.queueMicrotask(() => stream.emit('open', FIRST));
    return Object.assign(stream, { path, close: (back) => stream.destroy(undefined, back) });
  };
  made.createWriteStream = (path, options = {}) => {
    let isBegun = /a/.test(options.flags ?? 'w');
    const put = (part) => {
      (isBegun ? whole.appendFileSync : whole.writeFileSync)(path, part);
      isBegun = true;
    };
    const stream = new Writable({
      write(part, encoding, back) {
        put(part);
        stream.bytesWritten += part.length;
        back();
      },
      final(back) {
        if (!isBegun) put('');
        back();
      },
    });
    globalThis.queueMicrotask(() => stream.emit('open', FIRST));
    return Object.assign(stream, { path, bytesWritten: 0, close: (back) => stream.end(back) });
  };
  return made;
}

// Node's `fs` over the files that `scratch` grants, `/tmp` in memory, and over those of the function's own package, `/var/task`, which are only
// read. Every function is there as it stands, with a callback, and as a promise.

import { openFiles } from './open_files.js';
import { path as paths } from './path.js';
import { url } from './url.js';

const PIECE = 262144;
/** What WASI calls them, as Node does. */
const CODES = {
  'no-entry': ['ENOENT', 'no such file or directory'],
  exist: ['EEXIST', 'file already exists'],
  'not-directory': ['ENOTDIR', 'not a directory'],
  'is-directory': ['EISDIR', 'illegal operation on a directory'],
  'not-empty': ['ENOTEMPTY', 'directory not empty'],
  'insufficient-space': ['ENOSPC', 'no space left on device'],
  'not-permitted': ['EPERM', 'operation not permitted'],
  'name-too-long': ['ENAMETOOLONG', 'name too long'],
  'read-only': ['EROFS', 'read-only file system'],
  'cross-device': ['EXDEV', 'cross-device link not permitted'],
};

/** Names are those of the folder of the code, as on Lambda; an address leads to a file too. */
const placeOf = (path) => paths.resolve(path?.protocol === 'file:' ? url.fileURLToPath(path) : String(path));

/** Calls the host; what it refuses becomes an error as Node has it. */
function done(syscall, path, call) {
  try {
    return call(placeOf(path));
  } catch (refusal) {
    const name = refusal?.payload ?? refusal?.message ?? String(refusal);
    const [code, says] = CODES[name] ?? ['EIO', name];
    throw Object.assign(new Error(`${code}: ${says}, ${syscall} '${path}'`), { code, syscall, path: String(path) });
  }
}

const encodingOf = (options) => (typeof options === 'string' ? options : options?.encoding);

class Stats {}

/** `host` has what the interface `scratch` has; `log` takes lines by their level. */
export function files(host, Buffer, bytesOf, log) {
  const stat = (path, syscall = 'stat') => done(syscall, path, (place) => host.stat(place));

  function readFileSync(path, options) {
    const parts = [];
    let offset = 0;
    for (;;) {
      const part = done('open', path, (place) => host.read(place, offset));
      if (part.length === 0) break;
      parts.push(part);
      offset += part.length;
    }
    const all = Buffer.concat(parts);
    const encoding = encodingOf(options);
    return encoding ? all.toString(encoding) : all;
  }

  function written(path, data, options, append) {
    const bytes = typeof data === 'string' ? Buffer.from(data, encodingOf(options)) : bytesOf(data);
    done('open', path, (place) => host.write(place, bytes.subarray(0, PIECE), append));
    for (let at = PIECE; at < bytes.length; at += PIECE) {
      done('write', path, (place) => host.write(place, bytes.subarray(at, at + PIECE), true));
    }
  }

  function shown(path) {
    const known = stat(path);
    const at = Number(known.modifiedMs);
    return Object.assign(new Stats(), {
      size: Number(known.bytes), mtimeMs: at, mtime: new Date(at), ctime: new Date(at), atime: new Date(at), birthtime: new Date(at), mode: known.isFolder ? 0o40755 : 0o100644,
      isFile: () => !known.isFolder, isDirectory: () => known.isFolder, isSymbolicLink: () => false,
    });
  }

  function isThere(path) {
    try {
      return Boolean(stat(path));
    } catch {
      return false;
    }
  }

  function mkdirSync(path, options) {
    if (!options?.recursive) return void done('mkdir', path, (place) => host.makeFolder(place));
    let place = '';
    for (const part of placeOf(path).split('/').filter(Boolean)) {
      place += `/${part}`;
      if (!isThere(place)) done('mkdir', place, (made) => host.makeFolder(made));
    }
  }

  function rmSync(path, options = {}) {
    if (!isThere(path)) return options.force ? undefined : void stat(path, 'rm');
    if (!stat(path).isFolder) return void done('unlink', path, (place) => host.removeFile(place));
    if (options.recursive) for (const name of readdirSync(path)) rmSync(`${path}/${name}`, options);
    done('rmdir', path, (place) => host.removeFolder(place));
  }

  function readdirSync(path, options) {
    const names = done('scandir', path, (place) => host.names(place));
    if (!options?.withFileTypes) return names;
    return names.map((name) => Object.assign(shown(`${path}/${name}`), { name, parentPath: path }));
  }

  function mkdtempSync(prefix) {
    const path = prefix + Math.random().toString(36).slice(2, 8).padEnd(6, '0');
    mkdirSync(path);
    return path;
  }

  const calls = {
    readFile: readFileSync,
    writeFile: (path, data, options) => written(path, data, options, options?.flag?.startsWith('a') ?? false),
    appendFile: (path, data, options) => written(path, data, options, true),
    stat: shown,
    lstat: shown,
    access: (path) => void stat(path, 'access'),
    readdir: readdirSync,
    mkdir: mkdirSync,
    mkdtemp: mkdtempSync,
    rm: rmSync,
    rmdir: (path, options) => (options?.recursive ? rmSync(path, options) : void done('rmdir', path, (place) => host.removeFolder(place))),
    unlink: (path) => void done('unlink', path, (place) => host.removeFile(place)),
    rename: (path, to) => void done('rename', path, (place) => host.rename(place, placeOf(to))),
    copyFile: (path, to) => written(to, readFileSync(path), undefined, false),
  };
  const promised = (call) => (...values) => new Promise((resolve) => resolve(call(...values)));
  const fs = { existsSync: isThere, exists: (path, back) => void globalThis.queueMicrotask(() => back(isThere(path))), Stats, constants: { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 }, promises: {} };
  for (const [name, call] of Object.entries(calls)) {
    fs[`${name}Sync`] = call;
    fs.promises[name] = promised(call);
    fs[name] = (...values) => {
      const back = values.pop();
      promised(call)(...values).then((value) => back(null, value), back);
    };
  }
  return Object.assign(fs, openFiles(fs, Buffer, log));
}

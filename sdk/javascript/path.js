// Node's `path`, as far as there are only paths with slashes.

function normalize(path) {
  const parts = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const up = part === '..' && (parts.length > 0 ? parts.at(-1) !== '..' : path.startsWith('/'));
    if (up) parts.pop();
    else parts.push(part);
  }
  const plain = (path.startsWith('/') ? '/' : '') + parts.join('/');
  return plain === '' ? '.' : plain + (path.endsWith('/') && parts.length > 0 ? '/' : '');
}

const bare = (path) => (path.length > 1 ? path.replace(/\/+$/, '') || '/' : path);
const isAbsolute = (path) => path.startsWith('/');
const join = (...parts) => normalize(parts.filter(Boolean).join('/'));
const resolve = (...parts) => bare(normalize(parts.reduce((path, part) => (isAbsolute(part) ? part : part ? `${path}/${part}` : path), '/var/task')));

function dirname(path) {
  const plain = bare(path);
  const at = plain.lastIndexOf('/');
  return at < 0 ? '.' : plain.slice(0, at) || '/';
}

function basename(path, ending = '') {
  const name = bare(path).split('/').at(-1);
  return name !== ending && name.endsWith(ending) ? name.slice(0, name.length - ending.length) : name;
}

function extname(path) {
  const name = basename(path);
  const at = name === '..' ? -1 : name.lastIndexOf('.');
  return at > 0 ? name.slice(at) : '';
}

function relative(from, to) {
  const [own, other] = [from, to].map((path) => resolve(path).split('/').filter(Boolean));
  let shared = 0;
  while (shared < own.length && own[shared] === other[shared]) shared += 1;
  return [...own.slice(shared).fill('..'), ...other.slice(shared)].join('/');
}

function parse(path) {
  const [base, ext, root] = [basename(path), extname(path), isAbsolute(path) ? '/' : ''];
  const dir = bare(path).includes('/') ? dirname(path) : root;
  return { root, dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

function format({ root = '', dir, base, name = '', ext = '' }) {
  const file = base ?? name + (ext && !ext.startsWith('.') ? `.${ext}` : ext);
  return dir ? (dir === root ? dir + file : `${dir}/${file}`) : root + file;
}

export const path = { sep: '/', delimiter: ':', normalize, isAbsolute, join, resolve, relative, dirname, basename, extname, parse, format, toNamespacedPath: (path) => path };
path.posix = path;

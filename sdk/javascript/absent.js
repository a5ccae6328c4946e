// What Node has and a sandbox has not: it may be imported, as packages do whether they use it or not, and says so when it is used.

/** Adds members that refuse to be called. */
export function absent(module, members, names, why = 'a sandbox does not have it') {
  for (const name of names.split(' ')) {
    members[name] = function () {
      throw Object.assign(new Error(`${module}.${name} is not there: ${why}`), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' });
    };
  }
  return members;
}

const SOCKETS = 'a sandbox has no sockets; fetch, http and https ask servers that `network` grants';
const PROCESSES = 'a sandbox has neither processes nor threads';

/** By name. */
export const unavailable = {
  child_process: absent('child_process', {}, 'spawn spawnSync exec execSync execFile execFileSync fork', PROCESSES),
  cluster: absent('cluster', { isMaster: true, isPrimary: true, isWorker: false }, 'fork', PROCESSES),
  constants: { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, S_IFMT: 61440, S_IFREG: 32768, S_IFDIR: 16384 },
  dgram: absent('dgram', {}, 'createSocket', SOCKETS),
  dns: absent('dns', { promises: absent('dns', {}, 'lookup resolve resolve4', SOCKETS), ADDRCONFIG: 0 }, 'lookup resolve resolve4 resolve6 reverse', SOCKETS),
  domain: absent('domain', { active: null }, 'create createDomain'),
  inspector: absent('inspector', { url: () => undefined }, 'open Session'),
  module: {},
  net: absent('net', { isIP: kindOfAddress, isIPv4: (text) => kindOfAddress(text) === 4, isIPv6: (text) => kindOfAddress(text) === 6 }, 'Socket Server connect createConnection createServer', SOCKETS),
  punycode: absent('punycode', { toASCII: (text) => text, toUnicode: (text) => text }, 'encode decode'),
  tls: absent('tls', { DEFAULT_MIN_VERSION: 'TLSv1.2', rootCertificates: [] }, 'TLSSocket connect createServer createSecureContext checkServerIdentity', SOCKETS),
  tty: absent('tty', { isatty: () => false }, 'ReadStream WriteStream'),
  v8: absent('v8', { getHeapStatistics: () => ({ total_heap_size: 0, used_heap_size: 0, heap_size_limit: 0 }) }, 'serialize deserialize writeHeapSnapshot'),
  vm: absent('vm', { runInThisContext: (code) => (0, globalThis.eval)(code), isContext: () => false }, 'Script createContext runInContext runInNewContext'),
  worker_threads: absent('worker_threads', { isMainThread: true, parentPort: null, workerData: null, threadId: 0 }, 'Worker MessageChannel', PROCESSES),
};

function kindOfAddress(text) {
  const parts = String(text).split('.');
  if (parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return 4;
  return /^[0-9a-f:]+(\d{1,3}(\.\d{1,3}){3})?$/i.test(text) && String(text).includes(':') ? 6 : 0;
}

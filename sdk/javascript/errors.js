// Errors as code for Node expects them: the stack begins with name and message, and its places are those that were written.

const built = Object.getOwnPropertyDescriptor(Error.prototype, 'stack');
const captured = new WeakMap();

/** As the interpreter wrote it. */
export const rawStack = (error) => captured.get(error) ?? built?.get.call(error);

function headed(error, raw, shown) {
  if (typeof raw !== 'string') return raw;
  const [name, message] = [error.name ?? 'Error', error.message ?? ''];
  return [message === '' ? name : `${name}: ${message}`, ...shown(raw)].join('\n');
}

/** Both ways to a stack give it so; `shown` makes lines of the interpreter's. */
export function dress(shown) {
  if (!built?.get) return;
  const own = (error, get) => Object.defineProperty(error, 'stack', {
    configurable: true,
    get,
    set: (value) => void Object.defineProperty(error, 'stack', { value, writable: true, configurable: true }),
  });
  Object.defineProperty(Error.prototype, 'stack', {
    configurable: true,
    get() {
      return headed(this, built.get.call(this), shown);
    },
    set(value) {
      own(this, undefined).stack = value;
    },
  });
  const capture = Error.captureStackTrace;
  Error.captureStackTrace = (error, above) => {
    capture(error, above);
    const raw = Object.getOwnPropertyDescriptor(error, 'stack')?.value;
    if (typeof raw !== 'string') return;
    captured.set(error, raw);
    own(error, () => headed(error, raw, shown));
  };
  complete();
}

/** What packages ask each place of a stack, and the interpreter does not say. */
function complete() {
  const before = Error.prepareStackTrace;
  let place;
  Error.prepareStackTrace = (_, places) => {
    [place] = places;
    return '';
  };
  void built.get.call(new Error('asked'));
  Error.prepareStackTrace = before;
  const kind = place && Object.getPrototypeOf(place);
  if (!kind) return;
  const no = () => false;
  const nothing = () => undefined;
  for (const [name, value] of Object.entries({ isEval: no, isToplevel: no, isAsync: no, isPromiseAll: no, getThis: nothing, getTypeName: () => 'Object', getMethodName: () => null, getEvalOrigin: nothing, getScriptNameOrSourceURL() { return this.getFileName(); } })) {
    if (!(name in kind)) Object.defineProperty(kind, name, { value, configurable: true, writable: true });
  }
}

// `console`, and its class for those who write to streams of their own.

import { format, shown } from './util.js';

export function consoleOf(log) {
  const says = (level) => (...values) => log(level, format(...values));
  const [info, counts, started] = [says(2), new Map(), new Map()];
  const passed = (name, rest) => {
    const label = name ?? 'default';
    if (started.has(label)) info(`${label}: ${Date.now() - started.get(label)}ms`, ...rest);
  };
  return {
    trace: says(0), debug: says(1), log: info, info, warn: says(3), error: says(4), dir: (value) => info(shown(value)), dirxml: info,
    table: (rows) => info(shown(rows)),
    group: (...values) => values.length > 0 && info(...values),
    groupCollapsed: (...values) => values.length > 0 && info(...values),
    groupEnd() {},
    assert: (isTrue, ...values) => isTrue || log(4, format('Assertion failed', ...values)),
    count(name = 'default') {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      info(`${name}: ${counts.get(name)}`);
    },
    countReset: (name = 'default') => void counts.delete(name),
    time: (name = 'default') => void started.set(name, Date.now()),
    timeLog: (name, ...rest) => passed(name, rest),
    timeEnd(name, ...rest) {
      passed(name, rest);
      started.delete(name ?? 'default');
    },
  };
}

/** Warnings and errors go to the second stream, where there is one. */
export function Console(streams, other) {
  const { stdout, stderr = stdout } = typeof streams?.write === 'function' ? { stdout: streams, stderr: other } : streams ?? {};
  Object.assign(this, consoleOf((level, line) => (level >= 3 ? stderr : stdout).write(`${line}\n`)));
}

// Where a place of the one file that esbuild made was written: its source map, read once something has failed.

import { DIGITS } from './coding.js';

/** What is larger takes longer to read than its answer is worth. */
const MAP_CHARS_MAX = 1 << 21;
/** `new Function` puts two lines before the text. */
const LINES_BEFORE = 2;
const PLACE = /<input>:(\d+):(\d+)/;

/** The numbers of one segment: five bits a digit, the sixth says that more follow, the lowest bit of a number is its sign. */
function numbers(segment) {
  const all = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    all.push(value & 1 ? -(value >>> 1) : value >>> 1);
    [value, shift] = [0, 0];
  }
  return all;
}

/** The file and line of a place, both from 1, or nothing where the map knows none. */
function origin(map, line, column) {
  let [source, written] = [0, 0];
  const lines = map.mappings.split(';');
  for (let at = 0; at < line && at < lines.length; at++) {
    let [from, found] = [0, undefined];
    for (const segment of lines[at].split(',')) {
      const [step, toSource, toLine] = numbers(segment);
      if (toLine === undefined) continue;
      [from, source, written] = [from + step, source + toSource, written + toLine];
      if (at === line - 1 && (found === undefined || from < column)) found = { file: map.sources[source].replace(/^(\.\.\/)+/, ''), line: written + 1 };
    }
    if (at === line - 1) return found;
  }
  return undefined;
}

let known = {};

/** One function, one map. */
function read(text) {
  if (known.text !== text) known = { text, map: JSON.parse(text) };
  return known.map;
}

/** The calls of the function's own code, first the innermost: `handler (index.ts line 7)`. `text` is the map as it is in the bundle. */
export function callsOf(stack, text) {
  const lines = String(stack ?? '').split('\n').filter((line) => PLACE.test(line));
  if (lines.length === 0 || text === undefined || text.length > MAP_CHARS_MAX) return [];
  const map = read(text);
  const calls = lines.map((line) => {
    const [, own, column] = PLACE.exec(line).map(Number);
    const [, name = ''] = /at ([^ (]+) \(/.exec(line) ?? [];
    const found = origin(map, own - LINES_BEFORE, column);
    return found && { ...found, name: /^<?anonymous>?$/.test(name) ? '' : name };
  });
  return calls.filter(Boolean);
}

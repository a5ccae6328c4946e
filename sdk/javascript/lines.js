// Node's `readline` as far as it reads: the lines of a stream, told or iterated over. Nobody types into a sandbox.

import { absent } from './absent.js';
import { StringDecoder } from './decoder.js';
import { EventEmitter, on } from './events.js';

class Interface extends EventEmitter {
  closed = false;
  #rest = '';
  #decoder = new StringDecoder('utf8');

  constructor(input) {
    super();
    this.input = input;
    input.on('data', (part) => this.#told(typeof part === 'string' ? part : this.#decoder.write(part)));
    input.on('end', () => {
      this.#told(this.#decoder.end());
      // What ends in half a line end ends in a whole one.
      const last = this.#rest.replace(/\r$/, '');
      if (this.#rest !== '') this.emit('line', last);
      this.close();
    });
  }
  #told(text) {
    if (this.closed) return;
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.emit('line', line);
  }
  pause() {
    this.input.pause();
    this.emit('pause');
    return this;
  }
  resume() {
    this.input.resume();
    this.emit('resume');
    return this;
  }
  close() {
    if (this.closed) return;
    this.closed = true;
    this.input.pause();
    this.emit('close');
  }
  setPrompt() {}
  prompt() {}
  [Symbol.asyncIterator]() {
    const told = on(this, 'line', { close: ['close'] });
    const next = () => told.next().then(({ value, done }) => ({ value: value?.[0], done }));
    const leave = () => {
      this.close();
      return told.return();
    };
    return { next, return: leave, [Symbol.asyncIterator]() { return this; } };
  }
}

const WHY = 'nobody types into a sandbox';
absent('readline', Interface.prototype, 'question write', WHY);

const members = {
  Interface,
  createInterface: (options, ...rest) => new Interface(options?.input ?? options, ...rest),
};

export const readline = absent('readline', { ...members, promises: members }, 'clearLine clearScreenDown cursorTo moveCursor emitKeypressEvents', WHY);

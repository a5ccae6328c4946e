// `awslambda`, the global that Node's runtime on Lambda has for handlers that stream their answer. Here the answer is handed over as a
// whole once its stream has ended.

import { Buffer } from './buffer.js';
import { EventEmitter } from './events.js';

/** An answer that is no JSON but the text itself. */
export class Raw {
  constructor(text) {
    this.text = text;
  }
}

const isText = (type) => type === undefined || /^text\/|json|xml|javascript|urlencoded/i.test(type);

class ResponseStream extends EventEmitter {
  parts = [];
  head = undefined;
  type = undefined;
  writable = true;
  writableEnded = false;
  setContentType(type) {
    this.type = type;
  }
  write(part, encoding, back) {
    if (this.writableEnded) throw Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
    this.parts.push(typeof part === 'string' ? Buffer.from(part, typeof encoding === 'string' ? encoding : 'utf8') : Buffer.from(part));
    [encoding, back].find((one) => typeof one === 'function')?.();
    return true;
  }
  end(...values) {
    const [part, encoding] = values;
    if (part != null && typeof part !== 'function') this.write(part, typeof encoding === 'string' ? encoding : undefined);
    [this.writable, this.writableEnded] = [false, true];
    values.find((one) => typeof one === 'function')?.();
    this.emit('finish');
    this.emit('close');
    return this;
  }
  destroy(error) {
    if (error) this.emit('error', error);
    else if (!this.writableEnded) this.end();
    return this;
  }
  /** What the function answers: with a head as a web hook answers, else what was written. */
  answer() {
    const body = Buffer.concat(this.parts);
    if (this.head === undefined && this.type === undefined) return new Raw(body.toString('utf8'));
    const headers = { ...(this.type && { 'content-type': this.type }), ...this.head?.headers };
    const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    const isPlain = isText(type);
    return { statusCode: 200, ...this.head, headers, body: body.toString(isPlain ? 'utf8' : 'base64'), isBase64Encoded: !isPlain };
  }
}

export const awslambda = {
  streamifyResponse: (handler) => (event, context) =>
    new Promise((resolve, reject) => {
      const stream = new ResponseStream();
      stream.on('error', reject);
      const ended = () => resolve(stream.answer());
      const wait = () => (stream.writableEnded ? ended() : stream.once('finish', ended));
      Promise.resolve(handler(event, stream, context)).then(wait, reject);
    }),
  HttpResponseStream: {
    from(stream, head) {
      stream.head = { ...head };
      return stream;
    },
  },
};

// `awslambda`, the global that Node's runtime on Lambda has for handlers that stream their answer. Here the answer is handed over as a
// whole once its stream has ended.

import { Buffer } from './buffer.js';
import { Writable } from './streams.js';

/** An answer that is no JSON but the text itself. */
export class Raw {
  constructor(text) {
    this.text = text;
  }
}

const isText = (type) => type === undefined || /^text\/|json|xml|javascript|urlencoded/i.test(type);

class ResponseStream extends Writable {
  parts = [];
  head = undefined;
  type = undefined;
  setContentType(type) {
    this.type = type;
  }
  _write(part, _, back) {
    this.parts.push(part);
    back();
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
      const wait = () => (stream.writableFinished ? ended() : stream.once('finish', ended));
      Promise.resolve(handler(event, stream, context)).then(wait, reject);
    }),
  HttpResponseStream: {
    from(stream, head) {
      stream.head = { ...head };
      return stream;
    },
  },
};

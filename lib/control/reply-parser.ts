import { Transform, type TransformCallback } from 'node:stream';
import { Reply } from './reply';
import type { Encoding } from './encoding';
import { ProtocolError } from '../errors';
export class ReplyParser extends Transform {
  #rest = Buffer.alloc(0); #lines: string[] = [];
  constructor(_o: { encoding?: Encoding; maxLineBytes?: number; maxReplyBytes?: number } = {}) { super({ readableObjectMode: true }); }
  get pending(): boolean { return this.#rest.length > 0 || this.#lines.length > 0; }
  override _transform(chunk: Buffer, _e: BufferEncoding, cb: TransformCallback): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    let lf: number;
    while ((lf = this.#rest.indexOf(10)) >= 0) {
      const line = this.#rest.subarray(0, lf).toString().replace(/\r+$/, '');
      this.#rest = this.#rest.subarray(lf + 1);
      if (this.#lines.length === 0 && !/^[1-5]\d\d(?:[ -]|$)/.test(line)) return cb(new ProtocolError('bad ' + line));
      this.#lines.push(line);
      const code = (this.#lines[0] as string).slice(0, 3);
      if (this.#lines.length === 1 ? line[3] !== '-' : line === code || line.startsWith(code + ' ')) { const l = this.#lines; this.#lines = []; this.push(new Reply(Number(code), l)); }
    }
    cb();
  }
}

import { Transform, type TransformCallback } from 'node:stream';
import { checkNames } from '../option-names';
import { LIST_PARSER_OPTIONS, ListDecoder, type ListParserOptions } from './list-decoder';

/**
 * The bytes of a listing in, `Entry` objects out, for any connection or file. Fails with LimitError for a line longer than
 * `maxLineBytes`; a line that cannot be read is no error but an event, `unparsed`, with the line, and the listing goes on.
 */
export class ListParser extends Transform {
  readonly #decoder: ListDecoder;

  /** @throws ArgumentError for an option, a format or an encoding that there is not */
  constructor(options: ListParserOptions = {}) {
    checkNames(options, LIST_PARSER_OPTIONS);
    super({ readableObjectMode: true });
    this.#decoder = new ListDecoder({
      ...options,
      onUnparsed: (line) => {
        options.onUnparsed?.(line);
        this.emit('unparsed', line);
      },
    });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#run(() => this.#decoder.decode(chunk), done);
  }

  override _flush(done: TransformCallback): void {
    this.#run(() => this.#decoder.end(), done);
  }

  #run(decode: () => readonly unknown[], done: TransformCallback): void {
    try {
      for (const entry of decode()) this.push(entry);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }
}

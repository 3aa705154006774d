// The bytes of a control connection in, replies out (RFC 959, 4.2), with Telnet's sequences taken out (RFC 854).

import { isAscii } from 'node:buffer';
import { Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import { codecFor, type Codec, decodesASCII, type Encoding } from '../encoding';
import { Reply } from '../reply';
import { ProtocolError } from '../errors';
import { checkByteCount, checkNames, type OptionNames } from '../options';
import type { TypedTransform } from '../typed-streams';

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const ZERO = 0x30;
const SPACE = 0x20;

// Telnet's bytes (RFC 854; subnegotiation: RFC 855)
const SE = 0xf0;
const SB = 0xfa;
const WILL = 0xfb;
const IAC = 0xff;

const NOTHING = Buffer.alloc(0);
/** An error shows so many bytes of what is no reply. */
const MOST_SHOWN = 50;

/** The options of `new ReplyParser(options)`. */
export interface ReplyParserOptions {
  /** The encoding of the text; default `utf8` (RFC 2640). */
  readonly encoding?: Encoding | undefined;
  /** The most bytes of a line, its line end included; default 8192. */
  readonly maxLineBytes?: number | undefined;
  /** The most bytes of a reply, all its lines and line ends together; default 65536. */
  readonly maxReplyBytes?: number | undefined;
}

const REPLY_PARSER_OPTIONS: OptionNames<ReplyParserOptions> = { encoding: true, maxLineBytes: true, maxReplyBytes: true };

/** What the next byte is: text, or a part of a Telnet sequence. */
type Telnet = 'text' | 'command' | 'option' | 'subnegotiation' | 'subcommand';

/** Transform, as TypedTransform describes it. */
const Typed = Transform as unknown as new (options?: TransformOptions) => TypedTransform<Reply>;

/**
 * A Transform from the bytes of a control connection to `Reply` objects (RFC 959, 4.2), however the bytes are cut into chunks.
 *
 * It fails with ProtocolError for bytes that are no reply, for a line or a reply that is too long, and for an end inside a reply.
 */
export class ReplyParser extends Typed {
  readonly #codec: Codec;
  readonly #decodesASCII: boolean;
  readonly #maxLineBytes: number;
  readonly #maxReplyBytes: number;
  #telnet: Telnet = 'text';
  /** The beginning of a line that has not ended, in a buffer that may be longer. */
  #held: Buffer = NOTHING;
  #heldBytes = 0;
  #code: number | undefined;
  #lines: string[] = [];
  /** How many bytes of the current line have come, Telnet's included. */
  #lineBytes = 0;
  /** How many bytes the lines of this reply before it have. */
  #replyBytes = 0;

  /** Checks the options. @throws ArgumentError for an unknown option or encoding, and for a number of bytes below 1 */
  constructor(options: ReplyParserOptions = {}) {
    checkNames(options, REPLY_PARSER_OPTIONS);
    super({ readableObjectMode: true });
    this.#codec = codecFor(options.encoding);
    this.#decodesASCII = decodesASCII(options.encoding);
    this.#maxLineBytes = checkByteCount('maxLineBytes', options.maxLineBytes, 8192);
    this.#maxReplyBytes = checkByteCount('maxReplyBytes', options.maxReplyBytes, 65_536);
  }

  /**
   * True where the bytes so far end inside a line, a reply of several lines, or a Telnet sequence.
   *
   * A listener of `data` runs before the rest of its chunk is parsed: look at this after the listener has returned.
   */
  get pending(): boolean {
    return this.#heldBytes > 0 || this.#lines.length > 0 || this.#telnet !== 'text';
  }

  /** The first line of a reply whose last line has not come. */
  get unfinished(): string | undefined {
    return this.#lines[0];
  }

  /** @internal */
  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const error = this.#receive(chunk);
    if (error) this.#fail(error, callback);
    else callback();
  }

  /** @internal */
  override _flush(callback: TransformCallback): void {
    if (this.pending) this.#fail(new ProtocolError('the bytes ended inside a reply'), callback);
    else callback();
  }

  /** An error drops the replies that are not read yet, so it waits for a reader that has just begun. */
  #fail(error: ProtocolError, callback: TransformCallback): void {
    if (this.readableLength > 0) setImmediate(callback, error);
    else callback(error);
  }

  /** Removes Telnet's sequences, which may stand anywhere and may hold LF. */
  #receive(chunk: Buffer): ProtocolError | undefined {
    let error: ProtocolError | undefined;
    for (let at = 0; at < chunk.length && !error; at++) {
      const inText = this.#telnet === 'text';
      if (inText || this.#telnet === 'subnegotiation') {
        const iac = chunk.indexOf(IAC, at);
        const run = chunk.subarray(at, iac < 0 ? chunk.length : iac);
        error = inText ? this.#receiveText(run) : this.#count(run.length);
        if (iac >= 0) this.#telnet = inText ? 'command' : 'subcommand';
        at += run.length;
      } else {
        error = this.#receiveTelnet(chunk[at] as number);
      }
    }
    return error;
  }

  /** Takes a byte after IAC. */
  #receiveTelnet(byte: number): ProtocolError | undefined {
    switch (this.#telnet) {
      case 'command':
        this.#telnet = byte === SB ? 'subnegotiation' : byte >= WILL && byte < IAC ? 'option' : 'text';
        if (byte === IAC) return this.#count(1) ?? this.#receiveText(Buffer.of(IAC));
        // This is no command: Pure-FTPd 1.0.50 and Twisted 22.4 do not double a 0xFF of a name, and this byte may end the line.
        return byte < SE ? this.#receiveText(Buffer.of(IAC, byte)) : this.#count(2);
      case 'option':
        this.#telnet = 'text';
        return this.#count(1);
      default:
        this.#telnet = byte === SE ? 'text' : 'subnegotiation';
        return this.#count(2);
    }
  }

  /** Splits the text into lines. Text in ASCII, as nearly all of it is, becomes one string, of which each line is a slice. */
  #receiveText(text: Buffer): ProtocolError | undefined {
    const ascii = this.#decodesASCII && isAscii(text) ? text.toString('latin1') : undefined;
    const indexOfLF = (from: number): number => (ascii === undefined ? text.indexOf(LF, from) : ascii.indexOf('\n', from));
    let begin = 0;
    for (let lf = indexOfLF(0); lf >= 0; lf = indexOfLF(begin)) {
      const isWhole = ascii !== undefined && this.#heldBytes === 0;
      const error = this.#count(lf + 1 - begin) ?? (isWhole ? this.#receiveASCII(ascii, begin, lf) : this.#receiveBytes(this.#wholeLine(text, begin, lf)));
      if (error) return error;
      begin = lf + 1;
    }
    if (begin === text.length) return undefined;
    const error = this.#count(text.length - begin);
    if (!error) this.#hold(text, begin, text.length);
    return error;
  }

  /** The line that ends here, without the CRs before its LF, of which GridFTP 13.24 sends several. */
  #wholeLine(text: Buffer, begin: number, end: number): Buffer {
    let line = text.subarray(begin, end);
    if (this.#heldBytes > 0) {
      this.#hold(text, begin, end);
      line = this.#held.subarray(0, this.#heldBytes);
      this.#held = NOTHING;
      this.#heldBytes = 0;
    }
    let length = line.length;
    while (length > 0 && line[length - 1] === CR) length -= 1;
    return line.subarray(0, length);
  }

  /** Keeps a copy, so that the chunk can be freed. The buffer doubles, so that many small chunks cost no more than a large one. */
  #hold(text: Buffer, begin: number, end: number): void {
    const bytes = this.#heldBytes + end - begin;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    text.copy(this.#held, this.#heldBytes, begin, end);
    this.#heldBytes = bytes;
  }

  #receiveASCII(text: string, begin: number, lf: number): ProtocolError | undefined {
    let end = lf;
    while (end > begin && text.charCodeAt(end - 1) === CR) end -= 1;
    const line = text.slice(begin, end);
    return this.#receiveLine(line, line);
  }

  #receiveBytes(bytes: Buffer): ProtocolError | undefined {
    let line: string;
    try {
      line = this.#codec.decode(bytes);
    } catch (cause) {
      return new ProtocolError('the codec cannot decode a line of a reply (option encoding)', { cause });
    }
    return this.#receiveLine(bytes.toString('latin1', 0, MOST_SHOWN + 1), line);
  }

  /** @param front the beginning of the line, of its bytes, because a codec of the caller may decode it to anything */
  #receiveLine(front: string, line: string): ProtocolError | undefined {
    const code = codeOf(front);
    const lines = this.#lines;
    if (lines.length === 0) this.#code = code;
    if (this.#code === undefined) return notACode(front);
    const lineBytes = this.#lineBytes;
    this.#lineBytes = 0;
    if (code !== this.#code || front.charCodeAt(3) === DASH) {
      lines.push(line);
      this.#replyBytes += lineBytes;
    } else {
      this.push(new Reply(code, lines.length === 0 ? [line] : this.#wholeReply(line)));
    }
    return undefined;
  }

  /** The lines of a reply of several lines, of which this is the last one. */
  #wholeReply(last: string): readonly string[] {
    const lines = [...this.#lines, last];
    this.#lines = [];
    this.#replyBytes = 0;
    return lines;
  }

  /** Counts bytes of the line; the error names the limit that they pass first. */
  #count(bytes: number): ProtocolError | undefined {
    this.#lineBytes += bytes;
    const room = this.#maxReplyBytes - this.#replyBytes;
    if (this.#lineBytes <= Math.min(this.#maxLineBytes, room)) return undefined;
    return this.#maxLineBytes <= room
      ? new ProtocolError(`a line of a reply is longer than ${this.#maxLineBytes} bytes (maxLineBytes; of a client: maxReplyLineBytes)`)
      : new ProtocolError(`a reply is longer than ${this.#maxReplyBytes} bytes (maxReplyBytes)`);
  }
}

/** The code of a line that is a code, or begins with a code and a separator (RFC 959, 4.2); undefined for any other. */
function codeOf(line: string): number | undefined {
  const separator = line.charCodeAt(3);
  if (separator !== SPACE && separator !== DASH && line.length > 3) return undefined;
  const first = line.charCodeAt(0) - ZERO;
  const second = line.charCodeAt(1) - ZERO;
  const third = line.charCodeAt(2) - ZERO;
  const isCode = first >= 1 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
  return isCode ? 100 * first + 10 * second + third : undefined;
}

/** The error for a line that is no reply; its beginning is shown as is safe on a terminal. */
function notACode(line: string): ProtocolError {
  const shown = JSON.stringify(line.slice(0, MOST_SHOWN)).replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
  return new ProtocolError(`a reply must begin with a code from 100 to 599, not with ${shown}${line.length > MOST_SHOWN ? '…' : ''}`);
}

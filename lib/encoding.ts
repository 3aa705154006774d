// How text becomes bytes on the control connection and in listings, and which bytes a listed name had.

import { isUtf8 } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { ArgumentError } from './errors';

/** An encoding that Node does not ship; it must encode ASCII characters as ASCII does, because commands and codes are ASCII. */
export interface Codec {
  /** Returns the bytes of a text; decoding them must give the text again, or the command is an ArgumentError. */
  encode(text: string): Uint8Array;
  /** Returns the text of a whole line of bytes. */
  decode(bytes: Uint8Array): string;
}

/**
 * The encoding of the control connection and of listings: `utf8`, `latin1`, `ascii`, a codec, or `auto`, which is UTF-8, and
 * latin1 for a line that is no valid UTF-8. Node's other encodings are an ArgumentError.
 */
export type Encoding = BufferEncoding | 'auto' | Codec;

/**
 * The codec for an encoding, default `utf8` (RFC 2640). Its `encode` throws ArgumentError for characters that it cannot express;
 * the message shows nothing of the text, which may be a password.
 *
 * @throws ArgumentError for an encoding that cannot carry FTP's lines, such as `utf16le` or `base64`
 */
export function codecFor(encoding: Encoding = 'utf8'): Codec {
  const decode = decoderFor(encoding); // checks it
  return { encode: ENCODERS.get(encoding) ?? checkedEncoder(encoding as Codec), decode };
}

/**
 * The `decode` of the codec alone: whoever only reads listings needs nothing that encodes.
 *
 * @throws ArgumentError as `codecFor`
 */
export function decoderFor(encoding: Encoding = 'utf8'): Codec['decode'] {
  const decode = DECODERS.get(encoding);
  if (decode) return decode;
  if (isCodec(encoding)) return checkedDecoder(encoding);
  const shown = typeof encoding === 'string' ? JSON.stringify(encoding) : typeof encoding;
  throw new ArgumentError(`encoding must be utf8, auto, latin1, ascii or an object with encode and decode, not ${shown}`);
}

/** True for UTF-8, the encoding of RFC 2640 and the default. */
export function isUTF8(encoding: Encoding | undefined): boolean {
  return encoding === undefined || encoding === 'auto' || DECODERS.get(encoding) === fromUTF8;
}

/** True where bytes below 0x80 are decoded as ASCII whatever stands beside them; a codec of the caller may do otherwise. */
export function decodesASCII(encoding: Encoding | undefined): boolean {
  return encoding === undefined || DECODERS.has(encoding) || (typeof encoding === 'object' && ASCII_DECODERS.has(encoding));
}
/** The codecs of sessions whose encoding decodes ASCII. A set, and no field of the class: whoever only decodes needs no class that remembers names. */
const ASCII_DECODERS = new WeakSet<Codec>();

const fromUTF8 = decoderOf('utf8');
const fromLatin1 = decoderOf('latin1');
// Node's own ascii clears the eighth bit: other bytes would become line ends, or other names.
const fromASCII: Codec['decode'] = (bytes) => fromLatin1(bytes).replace(/[\x80-\xff]/g, '\ufffd');
const fromEither: Codec['decode'] = (bytes) => (isUtf8(bytes) ? fromUTF8 : fromLatin1)(bytes);

const DECODERS: ReadonlyMap<unknown, Codec['decode']> = new Map([
  ['utf8', fromUTF8],
  ['utf-8', fromUTF8],
  ['auto', fromEither],
  ['latin1', fromLatin1],
  ['binary', fromLatin1],
  ['ascii', fromASCII],
]);

const toUTF8 = encoderOf('utf8', /\p{Surrogate}/u);
const toLatin1 = encoderOf('latin1', /[^\0-\xff]/);
const toASCII = encoderOf('ascii', /[^\0-\x7f]/);

const ENCODERS: ReadonlyMap<unknown, Codec['encode']> = new Map([
  ['utf8', toUTF8],
  ['utf-8', toUTF8],
  ['auto', toUTF8],
  ['latin1', toLatin1],
  ['binary', toLatin1],
  ['ascii', toASCII],
]);

function decoderOf(name: 'utf8' | 'latin1'): Codec['decode'] {
  return (bytes) => (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString(name);
}

function encoderOf(name: 'utf8' | 'latin1' | 'ascii', inexpressible: RegExp): Codec['encode'] {
  return (text) => {
    const bytes = Buffer.from(text, name);
    const plain = name === 'utf8' && bytes.length === text.length; // all ASCII, as nearly every line is
    if (!plain && inexpressible.test(text)) throw new ArgumentError(`${name} cannot express a character of the text (option encoding)`);
    return bytes;
  };
}

/** Of a caller's codec, most of which replace or leave out characters that they cannot express: the command would name another file. */
function checkedEncoder(codec: Codec): Codec['encode'] {
  return (text) => {
    const bytes = codec.encode(text);
    if (!isUint8Array(bytes)) throw new ArgumentError('encoding.encode must return a Uint8Array');
    if (codec.decode(bytes) !== text) throw new ArgumentError('the codec cannot express a character of the text (option encoding)');
    return new Uint8Array(bytes); // a copy, because a codec may use its memory again
  };
}

function checkedDecoder(codec: Codec): Codec['decode'] {
  return (bytes) => {
    const text: unknown = codec.decode(bytes);
    if (typeof text !== 'string') throw new ArgumentError('encoding.decode must return a string');
    return text;
  };
}

function isCodec(encoding: unknown): encoding is Codec {
  const { encode, decode } = Object(encoding) as Partial<Codec>;
  return typeof encode === 'function' && typeof decode === 'function';
}

/** At most so many names are remembered, and of so many bytes in all, as names of files have; the oldest are forgotten first. */
const MOST_NAMES = 65_536;
const MOST_BYTES = 255 * MOST_NAMES;

/**
 * The codec of a session, which also remembers the bytes of listed names that are no valid UTF-8. So a file can be fetched by
 * the name that the listing shows, and that name reaches the server as the same bytes.
 */
export class NameMemory implements Codec {
  readonly #codec: Codec;
  readonly #auto: boolean;
  readonly #names = new Map<string, Buffer>();
  /** Of all of them. */
  #bytes = 0;

  /** @throws ArgumentError for an encoding that cannot carry names */
  constructor(encoding: Encoding | undefined) {
    this.#codec = codecFor(encoding);
    this.#auto = isUTF8(encoding);
    if (decodesASCII(encoding)) ASCII_DECODERS.add(this);
  }

  /** True while no bytes are remembered. */
  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Remembers the bytes of a name; undefined forgets them, because the encoding gives the right ones. */
  remember(name: string, bytes: Buffer | undefined): void {
    if (this.#names.size > 0) this.#forget(name);
    if (!bytes) return;
    this.#names.set(name, bytes);
    this.#bytes += bytes.length;
    while (this.#names.size > MOST_NAMES || this.#bytes > MOST_BYTES) this.#forget(this.#names.keys().next().value as string);
  }

  #forget(name: string): void {
    this.#bytes -= this.#names.get(name)?.length ?? 0;
    this.#names.delete(name);
  }

  /** Decodes a line of NLST, and remembers its bytes; it may be a path, so each of its parts is remembered by itself. */
  readName(bytes: Buffer): string {
    if (!this.#auto || isUtf8(bytes)) return this.decode(bytes);
    const name = bytes.toString('latin1');
    for (const part of name.split('/')) this.remember(part, Buffer.from(part, 'latin1'));
    return name;
  }

  /**
   * Encodes a command; each part of its path may be a remembered name.
   *
   * @param from where its path begins; default: after the verb
   * @param to where its path ends
   */
  encode(line: string, from = line.indexOf(' ') + 1, to = line.length): Uint8Array {
    if (this.#names.size === 0 || from === 0) return this.#codec.encode(line);
    const parts = line.slice(from, to).split('/').map((part) => this.#names.get(part) ?? this.#codec.encode(part));
    const pieces = parts.flatMap((part, index) => (index === 0 ? [part] : [SLASH, part]));
    return Buffer.concat([this.#codec.encode(line.slice(0, from)), ...pieces, this.#codec.encode(line.slice(to))]);
  }

  /** The encoding of what is no path, whatever names are remembered. */
  get plain(): Codec {
    return this.#codec;
  }

  decode(bytes: Uint8Array): string {
    return this.#codec.decode(bytes);
  }
}
const SLASH = Buffer.from('/');

import { isUtf8 } from 'node:buffer';
import { codecFor, isUTF8, type Codec, type Encoding } from './encoding';

/** More names than this are not remembered: the oldest are forgotten first. */
const MOST_NAMES = 65_536;

/**
 * The session's codec, which also remembers the bytes of names that a listing printed in no valid UTF-8: what was listed
 * can be fetched by the name that was shown, and reaches the server as the same bytes.
 */
export class NameMemory implements Codec {
  readonly #codec: Codec;
  readonly #auto: boolean;
  readonly #names = new Map<string, Buffer>();

  /** @throws ArgumentError for an encoding that cannot carry names */
  constructor(encoding: Encoding | undefined) {
    this.#codec = codecFor(encoding);
    this.#auto = isUTF8(encoding);
  }

  /** The server calls `bytes` what we show as `name`; undefined: it is what the encoding makes of it. */
  remember(name: string, bytes: Buffer | undefined): void {
    if (bytes) {
      this.#names.delete(name);
      this.#names.set(name, bytes);
      if (this.#names.size > MOST_NAMES) this.#names.delete(this.#names.keys().next().value as string);
    } else if (this.#names.size > 0) this.#names.delete(name);
  }

  /** A line of NLST; it may be a path, and only its parts can be used again. */
  readName(bytes: Buffer): string {
    if (!this.#auto || isUtf8(bytes)) return this.decode(bytes);
    const name = bytes.toString('latin1');
    for (const part of name.split('/')) this.remember(part, Buffer.from(part, 'latin1'));
    return name;
  }

  /** A command line; each part of its path may be a name that is remembered. */
  encode(line: string): Uint8Array {
    const argument = line.indexOf(' ') + 1;
    if (this.#names.size === 0 || argument === 0) return this.#codec.encode(line);
    const parts = line.slice(argument).split('/').map((part) => this.#names.get(part) ?? this.#codec.encode(part));
    const pieces = parts.flatMap((part, index) => (index === 0 ? [part] : [SLASH, part]));
    return Buffer.concat([this.#codec.encode(line.slice(0, argument)), ...pieces]);
  }

  decode(bytes: Uint8Array): string {
    return this.#codec.decode(bytes);
  }
}
const SLASH = Buffer.from('/');

/** What a listed thing is; `other` is a device, a socket, or something the server did not tell. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'other';

/** The facts of RFC 3659, 7.5, by their lower-cased names, with the values as sent. */
export type Facts = Readonly<Record<string, string>>;

/** One line of a listing. What the server did not print, or what cannot be told from the line, is absent. */
export interface Entry {
  /** As the server printed it: leading and trailing blanks, and a CR within, are part of it. */
  readonly name: string;
  readonly type: EntryType;
  /**
   * Bytes; VMS prints blocks of 512 bytes, so that it is an upper bound there. Absent above `Number.MAX_SAFE_INTEGER`,
   * because a rounded size would be compared as if it were exact: `facts.size` then holds the digits, for `BigInt()`.
   */
  readonly size?: number;
  readonly modified?: Date;
  /** Where a symlink leads, as printed. */
  readonly target?: string;
  /** Unix: the nine letters, `rwxr-xr-x`; NetWare and VMS: what stands between the brackets. */
  readonly permissions?: string;
  /** A name or a number. */
  readonly owner?: string;
  /** A name or a number. */
  readonly group?: string;
  /** What MLSD and MLST told (RFC 3659, 7.5); in LIST formats only what no other field can hold. */
  readonly facts?: Facts;
  /** The line, without its line end; where an entry took several lines, they are joined by LF. */
  readonly raw: string;
}

/** An entry in the making. */
export type Draft = { -readonly [K in keyof Entry]: Entry[K] };

const rawNames = new WeakMap<Entry, Buffer>();

/**
 * The bytes of the name on the wire, where encoding `name` in UTF-8 would give other bytes: a latin1 or Shift_JIS name
 * reaches the server unchanged when these bytes are sent. Undefined where `name` in UTF-8 is exact.
 */
export function rawNameOf(entry: Entry): Buffer | undefined {
  return rawNames.get(entry);
}

/** @internal */
export function setRawName(entry: Entry, bytes: Buffer): void {
  rawNames.set(entry, bytes);
}

/** Takes the size as it is printed; see `Entry.size` for what is too large. */
export function setSize(entry: Draft, size: number, digits: string): void {
  if (Number.isSafeInteger(size)) entry.size = size;
  else entry.facts = { size: digits };
}

// What every format gives: entries; and what fills them in the same way in several formats.

/** What an entry is; `other` is a device, a socket, or something of which the server does not say what it is. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'other';

/** The facts of an entry (RFC 3659, 7.5): their names in lower case, and their values as the server sent them. */
export type Facts = Readonly<Record<string, string>>;

/** One file, directory or link of a listing. A field is absent where the server did not print it, or where the line leaves it open. */
export interface Entry {
  /** The name as the server printed it: blanks at its beginning and its end, and a CR within, are part of it. */
  readonly name: string;
  /** What the entry is: `file`, `directory`, `symlink` or `other`. */
  readonly type: EntryType;
  /**
   * The size in bytes. VMS prints blocks of 512 bytes, so it is an upper bound there. A size above `Number.MAX_SAFE_INTEGER`
   * is absent, because a rounded size would be compared as if it were exact: `facts.size` then holds the digits, for `BigInt()`.
   */
  readonly size?: number;
  /** The time of the last change. MLSD and EPLF give it in UTC; in other formats it depends on the option `serverTimeZoneOffset`. */
  readonly modified?: Date;
  /** The path that a symbolic link leads to, as the server printed it. */
  readonly target?: string;
  /** The permissions: nine letters on Unix, `rwxr-xr-x`; the letters between the brackets on NetWare and VMS. */
  readonly permissions?: string;
  /** The owner, by name or by number. */
  readonly owner?: string;
  /** The group, by name or by number. */
  readonly group?: string;
  /** All facts that MLSD or MLST sent (RFC 3659, 7.5); in the formats of LIST only what no other field can hold. */
  readonly facts?: Facts;
  /** The line without its line end; where an entry took several lines, they are joined by LF. */
  readonly raw: string;
}

/** An entry that is being filled. */
export type Draft = { -readonly [K in keyof Entry]: Entry[K] };

const rawNames = new WeakMap<Entry, Buffer>();

/**
 * Returns the bytes of an entry's name as the server sent them, or undefined where they are the name in UTF-8.
 *
 * A name in latin1 or Shift_JIS reaches the server unchanged when these bytes are sent.
 *
 * @param entry an entry of `mlsd`, `list`, `parseList` or `ListParser`; a copy of it has no such bytes
 */
export function rawNameOf(entry: Entry): Buffer | undefined {
  return rawNames.get(entry);
}

/** @internal */
export function setRawName(entry: Entry, bytes: Buffer): void {
  rawNames.set(entry, bytes);
}

/** The folder itself and its parent, by their names or by the fact `type` (RFC 3659, 7.5.1). */
export function isDot(entry: Entry): boolean {
  if (entry.name === '.' || entry.name === '..') return true;
  const type = entry.facts?.['type'];
  return type !== undefined && type.length === 4 && /^[cp]dir$/i.test(type);
}

/** Sets the size that was printed as `digits`; see `Entry.size` for one that is too large. */
export function setSize(entry: Draft, size: number, digits: string): void {
  if (Number.isSafeInteger(size)) entry.size = size;
  else entry.facts = { size: digits };
}

/** Modes that were spelled before: a listing has few different ones, and MLSD prints one in every line. */
const spelled = new Map<string, string>();
const MOST_SPELLED = 512;

/** The nine letters of `ls` for an octal mode such as `0755` or `100644`; undefined where it is no octal number. */
export function lettersOf(mode: string): string | undefined {
  let letters = spelled.get(mode);
  if (letters !== undefined) return letters;
  if (!/^[0-7]{1,7}$/.test(mode)) return undefined;
  letters = spell(Number.parseInt(mode, 8));
  if (spelled.size < MOST_SPELLED) spelled.set(mode, letters);
  return letters;
}

function spell(bits: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, i) => (bits & (0o400 >> i) ? letter : '-'));
  for (const [bit, at, letter] of SPECIAL_BITS) if (bits & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  return letters.join('');
}
/** Set-user-id, set-group-id and the sticky bit, and the letter of execution that shows each; a capital where nobody may execute. */
const SPECIAL_BITS = [[0o4000, 2, 's'], [0o2000, 5, 's'], [0o1000, 8, 't']] as const;

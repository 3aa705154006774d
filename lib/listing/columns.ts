import type { Calendar } from './calendar';
import { setSize, type Draft } from './entry';
import { UnixDate } from './unix-date';
import { endOfWord, isAllBlank, isDigit, LONGEST_WORD, numberAt, skipBlanks } from './words';

const MOST = 24;
const COMMA = 0x2c;
const DASH = 0x2d;
const UNKNOWN = -1;

/**
 * The columns that `ls -l` prints behind the mode: links, owner, group, size, date, name. Any of the first three may be
 * missing, and owner and group may hold blanks, so the date is what the line is read by: it is the first one that a size
 * stands before. One object that is filled for every line.
 */
export class Columns {
  /** Bytes; -1 where the column holds no exact number. */
  size = UNKNOWN;
  sizeText = '';
  /** Where the name begins. */
  name = 0;
  /** The words before the date, as indices into the line; the last one is the size. */
  readonly starts: number[] = new Array<number>(MOST).fill(0);
  readonly ends: number[] = new Array<number>(MOST).fill(0);
  count = 0;
  /** The words that are owner and group. */
  #first = 0;
  #last = 0;
  /** Where the size begins in a word that it ran into; 0 where it did not. */
  #glued = 0;
  readonly #date = new UnixDate();

  /** Milliseconds since 1970. */
  get time(): number {
    return this.#date.time;
  }

  /** True where columns up to a name begin at `from`. */
  read(line: string, from: number, calendar: Calendar): boolean {
    this.count = 0;
    for (let i = skipBlanks(line, from); i < line.length && this.count < MOST; ) {
      if (this.count > 0 && this.#isSize(line) && this.#date.read(line, i, calendar)) {
        this.name = this.#date.next;
        return !isAllBlank(line, this.name);
      }
      const end = endOfWord(line, i);
      if (end - i > LONGEST_WORD) return false;
      this.starts[this.count] = i;
      this.ends[this.count] = end;
      this.count++;
      i = skipBlanks(line, end);
    }
    return false;
  }

  /** Takes over size, time, owner and group. */
  fill(entry: Draft, line: string): void {
    if (this.size >= 0) setSize(entry, this.size, this.sizeText);
    entry.modified = new Date(this.time);
    this.#fillOwner(entry, line);
  }

  start(word: number): number {
    return this.starts[word] ?? 0;
  }

  end(word: number): number {
    return this.ends[word] ?? 0;
  }

  word(line: string, word: number): string {
    return line.slice(this.start(word), this.end(word));
  }

  /** Whether the last word can be a size; also finds out which words are owner and group. */
  #isSize(line: string): boolean {
    const word = this.count - 1;
    const start = this.start(word);
    const end = this.end(word);
    this.#first = this.count > 1 && numberAt(line, this.start(0), this.end(0)) >= 0 ? 1 : 0; // the count of links
    this.#last = word - 1;
    this.#glued = 0;
    this.size = numberAt(line, start, end);
    if (this.size >= 0) {
      if (this.size > Number.MAX_SAFE_INTEGER) this.sizeText = line.slice(start, end);
      if (word > 0 && line.charCodeAt(this.end(word - 1) - 1) === COMMA) this.#deviceNumbers();
      return true;
    }
    return isDigit(line.charCodeAt(end - 1)) ? this.#isOddSize(line, start, end) : HUMAN_SIZE.test(line.slice(start, Math.min(end, start + 12)));
  }

  /** `8,   0` of a device: no size, and the major number is no group. */
  #deviceNumbers(): void {
    this.size = UNKNOWN;
    this.#last--;
  }

  /** A word that ends in a digit but is no number: -528, 1,234, ftpadmin125435904. */
  #isOddSize(line: string, start: number, end: number): boolean {
    if (line.charCodeAt(start) === DASH) return numberAt(line, start + 1, end) >= 0;
    if (isDigit(line.charCodeAt(start))) {
      const text = line.slice(start, Math.min(end, start + LONGEST_SIZE));
      if (GROUPED.test(text)) this.size = Number(text.replaceAll(',', ''));
      return this.size >= 0 || DEVICE_NUMBERS.test(text);
    }
    this.#glued = end;
    while (isDigit(line.charCodeAt(this.#glued - 1))) this.#glued--;
    // With a count of links before them, the digits of a group and of its size cannot be told apart. Without it the
    // row is full only if they are the size, and a size that ran into the column before it is a long one.
    if (this.#first > 0 || this.count !== 2 || end - this.#glued < 6) {
      this.#last = this.#first;
      return true;
    }
    this.size = numberAt(line, this.#glued, end);
    this.sizeText = line.slice(this.#glued, end);
    this.#last = 1;
    return true;
  }

  /** Owner and group are two words, or more when they hold blanks: then the widest gap is where one ends. */
  #fillOwner(entry: Draft, line: string): void {
    const [first, last] = [this.#first, this.#last];
    if (first > last) return;
    if (first === last) {
      // Servers that leave the owner out may keep its column free; the sum of two sizes is how NetPresenz fills it.
      const isGroup = first === 1 && this.count === 3 && this.#glued === 0 && this.start(1) - this.end(0) >= 3 && !this.#isSum(line);
      entry[isGroup ? 'group' : 'owner'] = this.word(line, first);
      return;
    }
    let split = first;
    for (let i = first; i < last; i++) {
      if (this.start(i + 1) - this.end(i) > this.start(split + 1) - this.end(split)) split = i;
    }
    entry.owner = line.slice(this.start(first), this.end(split));
    entry.group = line.slice(this.start(split + 1), this.#glued > 0 ? this.#glued : this.end(last));
  }

  /** NetPresenz and others on the old Mac OS print resource fork, data fork, and their sum. */
  #isSum(line: string): boolean {
    const [a, b] = [numberAt(line, this.start(0), this.end(0)), numberAt(line, this.start(1), this.end(1))];
    return b >= 0 && a + b === this.size;
  }
}

/** `33.5k`: rounded, so it is no size, but it stands where the size stands. */
const HUMAN_SIZE = /^\d{1,4}(?:[.,]\d{1,2})?[KMGTPkmgtp][Bb]?$/;

const GROUPED = /^\d{1,3}(?:,\d{3})+$/;
const LONGEST_SIZE = 27;

/** `10,7` of a device whose two numbers are not kept apart. */
const DEVICE_NUMBERS = /^\d+,\d+$/;

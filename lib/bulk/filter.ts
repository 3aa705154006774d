import { ArgumentError } from '../errors';
import type { WalkEntry } from './listings';

/** How a path matches a glob. */
interface GlobVerdict {
  /** The glob matches the path, or a folder that the path is in. */
  readonly matches: boolean;
  /** The glob could match something in the path, if that is a folder. */
  readonly reaches: boolean;
}

type Instruction =
  | { readonly op: 'one'; readonly accepts: (character: string) => boolean }
  | { readonly op: 'fork'; readonly to: number[] }
  | { readonly op: 'end' };

/**
 * A pattern for relative paths: `*` and `?` stop at a slash, `**` as a whole part is any number of folders, `[a-z]` and
 * `[!a-z]` are one character, `{a,b}` is either, and `\` takes the next character as it is. Names that begin with a dot
 * are names like others, and case counts.
 *
 * All ways to match are followed at the same time, so that the time is at most the pattern's length times the path's: no name makes a pattern slow.
 */
export class Glob {
  readonly #program: readonly Instruction[];

  constructor(pattern: string) {
    this.#program = [...new Compiler(pattern).compile(), { op: 'end' }];
  }

  test(path: string): GlobVerdict {
    let states = this.#closure([0]);
    for (const character of path) {
      if (character === '/' && this.#ended(states)) return { matches: true, reaches: true };
      states = this.#step(states, character);
      if (states.length === 0) return { matches: false, reaches: false };
    }
    const matches = this.#ended(states);
    return { matches, reaches: matches || this.#step(states, '/').length > 0 };
  }

  #ended(states: readonly number[]): boolean {
    return states.some((state) => this.#program[state]?.op === 'end');
  }

  #step(states: readonly number[], character: string): number[] {
    const next: number[] = [];
    for (const state of states) {
      const instruction = this.#program[state];
      if (instruction?.op === 'one' && instruction.accepts(character)) next.push(state + 1);
    }
    return this.#closure(next);
  }

  /** The states that can be reached without a character. */
  #closure(states: readonly number[]): number[] {
    const seen = new Set<number>();
    const open = [...states];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (seen.has(state)) continue;
      seen.add(state);
      const instruction = this.#program[state];
      if (instruction?.op === 'fork') open.push(...instruction.to);
    }
    return [...seen];
  }
}

const any = (): boolean => true;
const noSlash = (character: string): boolean => character !== '/';

/** Turns a pattern into instructions, from left to right. */
class Compiler {
  readonly #characters: readonly string[];
  readonly #program: Instruction[] = [];
  /** For each `{` that is closed, its `}`. */
  readonly #closings: ReadonlyMap<number, number>;

  constructor(pattern: string) {
    this.#characters = [...pattern];
    this.#closings = closingBraces(this.#characters);
  }

  compile(): Instruction[] {
    this.#part(0, this.#characters.length);
    return this.#program;
  }

  #part(from: number, end: number): void {
    for (let at = from; at < end; ) at = this.#item(at, end);
  }

  /** Compiles one item; returns the index after it. */
  #item(at: number, end: number): number {
    const character = this.#characters[at] ?? '';
    if (character === '*') return this.#stars(at);
    if (character === '{') return this.#braces(at, end);
    if (character === '[') return this.#set(at, end);
    if (character === '?') return this.#one(noSlash, at + 1);
    const escaped = character === '\\' && at + 1 < end;
    const wanted = escaped ? this.#characters[at + 1] : character;
    return this.#one((other) => other === wanted, escaped ? at + 2 : at + 1);
  }

  #one(accepts: (character: string) => boolean, next: number): number {
    this.#program.push({ op: 'one', accepts });
    return next;
  }

  #stars(at: number): number {
    let end = at;
    while (this.#characters[end] === '*') end++;
    const beginsPart = at === 0 || '/{,'.includes(this.#characters[at - 1] ?? '');
    const next = this.#characters[end];
    if (end - at !== 2 || !beginsPart || (next !== undefined && !'/},'.includes(next))) this.#repeat(noSlash);
    else if (next !== '/') this.#repeat(any);
    else {
      // `**/` is no folder at all, too.
      const fork = this.#fork();
      this.#repeat(any);
      this.#one((character) => character === '/', end);
      fork.push(this.#program.length);
      return end + 1;
    }
    return end;
  }

  #repeat(accepts: (character: string) => boolean): void {
    const start = this.#program.length;
    const fork = this.#fork();
    this.#one(accepts, 0);
    this.#program.push({ op: 'fork', to: [start] });
    fork.push(this.#program.length);
  }

  /** Goes on with the next instruction, or with those that are pushed. */
  #fork(): number[] {
    const to = [this.#program.length + 1];
    this.#program.push({ op: 'fork', to });
    return to;
  }

  #braces(at: number, end: number): number {
    const closing = this.#closings.get(at);
    if (closing === undefined || closing >= end) return this.#one((character) => character === '{', at + 1);
    const entry: number[] = [];
    this.#program.push({ op: 'fork', to: entry });
    const exits: number[][] = [];
    let from = at + 1;
    for (let i = at + 1; i <= closing; i++) {
      const character = this.#characters[i];
      if (character === '\\') i++;
      else if (character === '{') i = this.#closings.get(i) ?? i;
      else if (i === closing || character === ',') {
        entry.push(this.#program.length);
        this.#part(from, i);
        const to: number[] = [];
        this.#program.push({ op: 'fork', to });
        exits.push(to);
        from = i + 1;
      }
    }
    for (const to of exits) to.push(this.#program.length);
    return closing + 1;
  }

  #set(at: number, end: number): number {
    const inverted = '!^'.includes(this.#characters[at + 1] ?? ' ');
    const first = at + (inverted ? 2 : 1);
    let close = first + 1; // a `]` that comes first is a member
    while (close < end && this.#characters[close] !== ']') close++;
    if (close >= end) return this.#one((character) => character === '[', at + 1);
    const members = this.#characters.slice(first, close);
    return this.#one((character) => character !== '/' && isMember(character, members) !== inverted, close + 1);
  }
}

function isMember(character: string, members: readonly string[]): boolean {
  for (let i = 0; i < members.length; i++) {
    const [from = '', dash, to] = members.slice(i, i + 3);
    if (dash !== '-' || to === undefined) {
      if (character === from) return true;
    } else {
      if (codeOf(character) >= codeOf(from) && codeOf(character) <= codeOf(to)) return true;
      i += 2;
    }
  }
  return false;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function closingBraces(characters: readonly string[]): Map<number, number> {
  const closings = new Map<number, number>();
  const open: number[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i];
    if (character === '\\') i++;
    else if (character === '{') open.push(i);
    else if (character === '}') {
      const opening = open.pop();
      if (opening !== undefined) closings.set(opening, i);
    }
  }
  return closings;
}

/**
 * Selects entries of a tree: a glob, several globs, or a function.
 *
 * Globs are matched with paths relative to the start of the tree: `*` and `?` stand for anything but a slash, `**` for any folders, `[a-z]`, `[!a]` and
 * `{a,b}` for one of several, and `\` precedes a character that stands for itself. Case counts. A glob without a slash matches names in every folder; one
 * that ends in a slash matches folders only; one that begins with `!` excludes, and its place in the array makes no difference. What matches a folder
 * matches everything in it. Without a glob that includes, everything is included.
 *
 * A function is called for each entry, and returns whether it is included; a folder that it excludes is not entered.
 */
export type Filter = string | readonly string[] | ((entry: WalkEntry) => boolean);

/** How a filter selects an entry. */
interface Selection {
  /** The entry is wanted. */
  readonly wanted: boolean;
  /** Something in it may be wanted, if it is a folder. */
  readonly entered: boolean;
}

const ALL: Selection = { wanted: true, entered: true };
const NOTHING: Selection = { wanted: false, entered: false };

interface Rule {
  readonly glob: Glob;
  readonly foldersOnly: boolean;
}

/** @throws ArgumentError */
export function selector(filter: Filter | undefined): (entry: WalkEntry) => Selection {
  if (filter === undefined) return () => ALL;
  if (typeof filter === 'function') return (entry) => (filter(entry) ? ALL : NOTHING);
  const globs: readonly unknown[] = Array.isArray(filter) ? filter : [filter];
  if (!globs.every((glob) => typeof glob === 'string' && /^(?:!\/?[^/]|\/?[^/!])/.test(glob))) {
    throw new ArgumentError('filter must be a glob, an array of globs, or a function');
  }
  const patterns = globs as readonly string[];
  const excluding = patterns.filter((glob) => glob.startsWith('!')).map((glob) => rule(glob.slice(1)));
  const including = patterns.filter((glob) => !glob.startsWith('!')).map(rule);
  return (entry) => {
    if (excluding.some((each) => matches(each, entry))) return NOTHING;
    if (including.length === 0 || including.some((each) => matches(each, entry))) return ALL;
    return { wanted: false, entered: entry.type !== 'file' && including.some(({ glob }) => glob.test(entry.path).reaches) };
  };
}

function rule(pattern: string): Rule {
  const foldersOnly = pattern.endsWith('/');
  const path = foldersOnly ? pattern.slice(0, -1) : pattern;
  const rooted = path.includes('/');
  return { foldersOnly, glob: new Glob(rooted ? path.replace(/^\//, '') : `**/${path}`) };
}

/** For folders only: also what is in such a folder. */
function matches({ glob, foldersOnly }: Rule, { path, type }: WalkEntry): boolean {
  const wanted = foldersOnly && type !== 'directory' ? path.slice(0, Math.max(0, path.lastIndexOf('/'))) : path;
  return glob.test(wanted).matches;
}

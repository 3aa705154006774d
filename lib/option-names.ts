import { ArgumentError } from './errors';

/** The names of the options in a type, written out next to it: the compiler refuses one too many as well as one too few. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses what is no object, and an option that is not known, also one that is undefined: a misspelt name would do nothing without a word. Called for
 * every transfer, it allocates nothing unless it throws.
 *
 * @param prefix of an object within the options, such as `retry.`
 * @throws ArgumentError with the name, and those that it may be meant for
 */
export function checkNames(options: unknown, names: Readonly<Record<string, true>>, prefix = ''): void {
  checkObject(prefix === '' ? 'options' : prefix.slice(0, -1), options);
  for (const name in options) {
    if (names[name] !== true) throw unknown(name, Object.keys(names), prefix);
  }
}

/** @throws ArgumentError */
export function checkObject(what: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : value === undefined ? 'undefined' : `a ${typeof value}`;
  throw new ArgumentError(`${what} must be an object, not ${kind}`);
}

function unknown(name: string, known: readonly string[], prefix: string): ArgumentError {
  const shown = /^[\w.-]{1,60}$/.test(name) ? prefix + name : JSON.stringify(prefix + name.slice(0, 60));
  const meant = nearest(name, known).map((each) => prefix + each);
  return new ArgumentError(`unknown option ${shown}${meant.length > 0 ? `; did you mean ${meant.join(' or ')}?` : ''}`);
}

/** Fewer letters in common say nothing. */
const SHORTEST_BEGINNING = 3;
/** Of the letters of a name that may be wrong. */
const TYPOS = 0.4;

/** Those that are nearest, and near enough to be meant. */
function nearest(name: string, known: readonly string[]): string[] {
  const distances = known.map((each) => distance(name.slice(0, 60).toLowerCase(), each.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(1, name.length * TYPOS) ? known.filter((_, index) => distances[index] === least) : [];
}

/** An abbreviation, and a longer word for the same, are as near as one letter: `pass`, `secureOptions`. */
function distance(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= SHORTEST_BEGINNING && short !== long && long.startsWith(short) ? 1 : typos(a, b);
}

/** Letters that are missing, too many, others, or swapped with their neighbour (Damerau and Levenshtein, each place changed once). */
function typos(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let least = Math.min(at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) least = Math.min(least, at(before, column - 2) + 1);
      next.push(least);
    }
    before = last;
    last = next;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] as number;
}

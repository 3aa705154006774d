/** Numbers that look random and are the same for the same seed. */
export interface Random {
  readonly seed: number;
  /** A float from 0 up to, not including, 1. */
  next(): number;
  /** A whole number from 0 up to, not including, `n`. */
  int(n: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(n: number): Buffer;
}

/** The generator mulberry32; the environment variable SEED takes the place of `seed`. */
export function random(seed: number): Random {
  return numbers(seedOr(seed));
}

/** The generator mulberry32 with exactly this seed. */
export function numbers(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (n: number): number => Math.floor(next() * n);
  return {
    seed,
    next,
    int,
    pick: <T>(items: readonly T[]): T => items[int(items.length)] as T,
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => int(256))),
  };
}

/** What a failure message says, so that the failure can be had again. */
export function describeSeed(seed: number): string {
  return `(again with SEED=${seed})`;
}

function seedOr(seed: number): number {
  const { SEED } = process.env;
  if (SEED === undefined || SEED === '') return seed;
  if (!/^\d+$/.test(SEED)) throw new Error(`SEED must be a number, not ${JSON.stringify(SEED)}`);
  return Number(SEED);
}

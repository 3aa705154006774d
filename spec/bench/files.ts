/** Sizes and names of what is transferred. */
export const MIB = 1024 * 1024;

/** The name of the n-th small file, and how many bytes it has: 0 to 9 KiB, spread evenly. */
export function smallName(n: number): string {
  return `${String(n).padStart(4, '0')}.bin`;
}

export function smallSize(n: number): number {
  return (n * 4001) % 9217;
}

/** The first `count` small files in a folder. */
export function smallFiles(folder: string, count: number): { names: string[]; sizes: number[]; total: number } {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const sizes = numbers.map(smallSize);
  return { names: numbers.map((n) => `${folder}/${smallName(n)}`), sizes, total: sizes.reduce((sum, size) => sum + size, 0) };
}

/** How much there is to do. */
export interface Scale {
  readonly bigBytes: number;
  readonly smallFiles: number;
  /** Over the link with a delay. */
  readonly linkFiles: number;
  readonly linkSizes: number;
  readonly entries: number;
  readonly replies: number;
  /** Seconds that a packet takes on the link, there and back. */
  readonly roundTrip: number;
}

/** So many of the files of the tree are in the folder `part`, which is what takes long enough where the way is long. */
export const PART = 600;

export const FULL: Scale = { bigBytes: 512 * MIB, smallFiles: 2000, linkFiles: 30, linkSizes: 200, entries: 100_000, replies: 1_000_000, roundTrip: 0.02 };
export const QUICK: Scale = { bigBytes: 64 * MIB, smallFiles: 200, linkFiles: 20, linkSizes: 100, entries: 10_000, replies: 100_000, roundTrip: 0.02 };

/** What the environment says of a run, by hand or in CI. */
export interface Settings {
  readonly seed: number;
  readonly operations: number;
  /** Only servers whose names begin so; several with commas. */
  readonly server: string;
  /** Findings after which no other sequence begins. */
  readonly enough: number;
  /** Sequences at a time. */
  readonly workers: number;
  /** Findings that are only counted. */
  readonly known: RegExp | undefined;
  /** Seconds that may be spent on making one finding short. */
  readonly shrinking: number;
}

/** @throws Error for a number that is none */
export function settings(seed: number): Settings {
  const { FTPLIB_MODEL_SERVER: server = '', FTPLIB_MODEL_KNOWN: known = '' } = process.env;
  return {
    seed: numeric('SEED', seed),
    operations: numeric('OPS', 3000),
    server,
    enough: numeric('ENOUGH', 1),
    workers: numeric('WORKERS', 6),
    shrinking: numeric('SHRINK', 90),
    known: known === '' ? undefined : new RegExp(known),
  };
}

function numeric(name: string, fallback: number): number {
  const value = process.env[`FTPLIB_MODEL_${name}`] ?? '';
  if (value === '') return fallback;
  if (!/^\d+$/.test(value)) throw new Error(`FTPLIB_MODEL_${name} must be a number, not ${value}`);
  return Number(value);
}

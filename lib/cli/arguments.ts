// What a command of the command line takes, and the values that it was given.

import { parseArgs } from 'node:util';
import { UsageError } from './failure';

/** An option of a command. */
export interface Option {
  /** The letter after one dash. */
  readonly short?: string;
  /** What its value is called in the help; without one it is a switch. */
  readonly value?: string;
  /** What a value that is a number means: a whole one, seconds, or bytes a second with a letter for thousands. */
  readonly number?: keyof typeof NUMBERS;
  /** The values that it may have, or `files`; for completion and for the check. */
  readonly values?: readonly string[] | 'files';
  /** Whether its value may be empty; of others that is mostly a variable of the shell that is not set. */
  readonly mayBeEmpty?: boolean;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}

/** The numbers that options may have. */
const NUMBERS = {
  whole: { form: /^[1-9]\d{0,5}$/, what: 'a whole number from 1 on', read: Number },
  seconds: { form: /^\d{1,6}(\.\d+)?$/, what: 'seconds, such as 30 or 0.5', read: (text: string) => Math.ceil(Number(text) * 1000) },
  rate: {
    form: /^(?=.*[1-9])\d{1,12}(\.\d+)?[kMG]?$/i,
    what: 'bytes a second, such as 500k or 2M',
    read: (text: string) => Math.ceil(Number.parseFloat(text) * ({ k: 1e3, m: 1e6, g: 1e9 }[text.slice(-1).toLowerCase()] ?? 1)),
  },
} as const;

/** The options by their names, without dashes. */
export type Options = Readonly<Record<string, Option>>;

/** What the arguments of a command may be. */
export interface Syntax {
  readonly name: string;
  /** What stands after the name and the options. */
  readonly usage: string;
  /** How many arguments there must be, options apart. */
  readonly least: number;
  readonly most: number;
  /** All options, by their names without dashes. */
  readonly options: Options;
}

/** The values of the options and the other arguments of a command, as they were given. */
export class Arguments {
  readonly #options: Options;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];

  /** @throws UsageError for an option that is not there or has a wrong value, and for too few or too many operands */
  constructor({ name, usage, least, most, options }: Syntax, given: readonly string[]) {
    this.#options = options;
    const config = Object.entries(options).map(([option, { short, value, multiple = false }]) => [option, { type: value === undefined ? 'boolean' : 'string', multiple, ...(short ? { short } : {}) }] as const);
    try {
      const { values, positionals } = parseArgs({ args: [...given], options: Object.fromEntries(config), allowPositionals: true });
      this.#values = values;
      this.operands = positionals;
    } catch (error) {
      const message = (error as Error).message.replace(/\. Did you forget.*/s, '').replace(/('-.')?\. To specify a positional argument.*/s, (_, letter?: string) => (letter === undefined ? '' : `${letter}: names that begin with a dash come after --`));
      throw new UsageError(message.replace(/\.$/, ''));
    }
    for (const [option, { values, number, mayBeEmpty = false }] of Object.entries(options)) {
      const value = this.text(option);
      if (!mayBeEmpty && (value === '' || this.texts(option)?.includes(''))) throw new UsageError(`--${option} has an empty value`);
      if (value === undefined) continue;
      if (Array.isArray(values) && !values.includes(value)) throw new UsageError(`--${option} must be ${values.join(' or ')}, not '${value}'`);
      if (number && !NUMBERS[number].form.test(value)) throw new UsageError(`--${option} must be ${NUMBERS[number].what}, not '${value}'`);
    }
    const { length } = this.operands;
    if (this.has('help')) return;
    if (this.operands.includes('')) throw new UsageError(`an argument is empty: ftplib ${name} ${usage}`);
    if (length < least) throw new UsageError(`an argument is missing: ftplib ${name} ${usage}`);
    if (length > most) throw new UsageError(`'${this.operands[most]}' is one argument too many: ftplib ${name} ${usage}`);
  }

  /** Whether a switch is set. */
  has(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The values of an option that may be given several times; undefined for none. */
  texts(name: string): readonly string[] | undefined {
    const value = this.#values[name];
    return Array.isArray(value) ? (value as readonly string[]) : undefined;
  }

  /** A number: seconds in milliseconds, and all else as it is. */
  number(name: string): number | undefined {
    const kind = this.#options[name]?.number;
    const text = this.text(name);
    return text === undefined || kind === undefined ? undefined : NUMBERS[kind].read(text);
  }
}

import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import { isUTF8 } from '../control/encoding';
import type { Session } from '../control/session';
import { ArgumentError, type ReplyError } from '../errors';
import { rawNameOf, type Entry } from '../listing/entry';
import { ListDecoder, type ListParserOptions } from '../listing/list-decoder';
import { checkNames, type OptionNames } from '../option-names';
import type { Decoder } from './decoder';
import { lookUpEmpty, saysEmpty } from './look-up';
import type { Plan } from './plan';

/** How MLSD is asked. */
export interface MlsdOptions extends Pick<ListParserOptions, 'keepDots'> {
  /** The facts wanted, such as `['type', 'size', 'modify']`. */
  facts?: readonly string[];
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal;
}

const MLSD_OPTIONS: OptionNames<MlsdOptions> = { facts: true, keepDots: true, signal: true };

/** MLSD and nothing else, after OPTS MLST where facts are asked for (RFC 3659, 7.9). */
export class MlsdPlan implements Plan, Decoder<Entry> {
  #session: Session;
  readonly #command: Command;
  readonly #facts: Command | undefined;
  readonly #decoder: ListDecoder;

  /** @throws ArgumentError for facts that are no names */
  constructor(session: Session, command: Command, options: MlsdOptions, onUnparsed: (line: string) => void) {
    checkNames(options, MLSD_OPTIONS);
    const { facts, keepDots } = options;
    this.#session = session;
    this.#command = command;
    if (facts !== undefined && !isNames(facts)) throw new ArgumentError('facts must be an array of names such as size or unix.mode');
    this.#facts = facts && session.command('OPTS', `MLST ${facts.map((fact) => `${fact};`).join('')}`);
    const { encoding, maxLineBytes } = session.settings;
    this.#decoder = new ListDecoder({ format: 'mlsd', encoding: isUTF8(encoding) ? 'auto' : encoding, maxLineBytes, keepDots, onUnparsed });
  }

  use(session: Session): void {
    this.#session = session;
  }

  async begin(control: ControlConnection): Promise<Command> {
    if (this.#facts) await control.exec(this.#facts);
    return this.#command;
  }

  async recover(refusal: ReplyError, control: ControlConnection): Promise<'complete'> {
    const path = this.#command.argument;
    if (!saysEmpty(refusal) || path === '') throw refusal;
    await lookUpEmpty(this.#session, control, this.#session.command('MLST', path));
    return 'complete';
  }

  isLast(): boolean {
    return true;
  }

  async finish(): Promise<void> {
    // nothing was changed that is to be undone
  }

  decode(chunk: Buffer): Entry[] {
    return this.#remembered(this.#decoder.decode(chunk));
  }

  end(): Entry[] {
    return this.#remembered(this.#decoder.end());
  }

  #remembered(entries: Entry[]): Entry[] {
    for (const entry of entries) this.#session.codec.remember(entry.name, rawNameOf(entry));
    return entries;
  }
}

function isNames(facts: unknown): boolean {
  return Array.isArray(facts) && facts.every((fact) => typeof fact === 'string' && /^[\w.-]+$/.test(fact));
}

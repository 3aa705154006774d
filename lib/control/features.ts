import { Command } from './command';
import type { ControlConnection } from './control-connection';
import type { Codec } from '../encoding';
import { ReplyError, TemporaryError } from '../errors';
import type { Reply } from '../reply';

/** What FEAT offers: the feature's name in capitals, and what follows it (RFC 2389, 3). */
export type Features = ReadonlyMap<string, string>;

/** The features in FEAT's reply; what several lines say of one name is joined by `;`. */
export function parseFeatures(reply: Reply): Features {
  const features = new Map<string, string>();
  for (const line of reply.lines.slice(1, -1)) {
    const [, name = '', rest = ''] = /^(?:\d{3}-)?\s*(\S*)\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === '') continue;
    const key = name.toUpperCase();
    const known = features.get(key);
    features.set(key, known ? `${known};${rest}` : rest);
  }
  return features;
}

/** What is learnt of the server of one connection: FEAT is asked once, and UTF-8 switched on where it is offered and wanted. */
export class Negotiation {
  readonly #control: ControlConnection;
  readonly #codec: Codec;
  readonly #utf8: boolean;
  #features: Promise<Features> | undefined;
  #over = false;

  constructor(control: ControlConnection, codec: Codec, utf8: boolean) {
    this.#control = control;
    this.#codec = codec;
    this.#utf8 = utf8;
  }

  /** Begins, for whoever wants to know later. */
  begin(): void {
    if (!this.#features) this.learn().catch(lost);
  }

  /** What the server offers, asked if that was not done yet. */
  learn(): Promise<Features> {
    return (this.#features ??= this.#negotiate().finally(() => (this.#over = true)));
  }

  /** Settles when nothing is still to be written; undefined: it is so. */
  get underWay(): Promise<unknown> | undefined {
    return this.#over ? undefined : this.#features;
  }

  /** Asks FEAT; a server without it offers nothing. */
  async #negotiate(): Promise<Features> {
    const features = await refusable(this.#control.exec(new Command('FEAT', this.#codec)).then(parseFeatures), new Map());
    // Not awaited: it leaves before any command that carries a name, and most servers refuse it, being in UTF-8 already.
    if (this.#utf8 && features.has('UTF8')) refusable(this.#control.exec(new Command('OPTS UTF8 ON', this.#codec)), undefined).catch(lost);
    return features;
  }
}

async function refusable<T, D>(answer: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ReplyError && !(error instanceof TemporaryError)) return otherwise;
    throw error;
  }
}

function lost(): void {
  // the connection is gone: whoever uses it next is told so
}

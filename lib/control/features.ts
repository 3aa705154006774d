// What the server offers, from FEAT (RFC 2389), and the switch to UTF-8 (RFC 2640).

import { Command } from './command';
import type { ControlConnection } from './control-connection';
import type { ObservedServer } from './observed-server';
import type { Codec } from '../encoding';
import { ReplyError } from '../errors';
import type { Reply } from '../reply';

/** The features of a server: their names in capitals, and the text after each (RFC 2389, 3). */
export type Features = ReadonlyMap<string, string>;

/** The features in the reply to FEAT; the texts of a name that comes in several lines are joined by `;`. */
export function parseFeatures(reply: Reply): Features {
  const features = new Map<string, string>();
  for (const line of reply.lines.slice(1, -1)) {
    const text = line.replace(/^\d{3}-/, '').trim();
    const blank = text.search(/\s|$/);
    if (blank === 0) continue;
    const key = text.slice(0, blank).toUpperCase();
    const rest = text.slice(blank).trimStart();
    const known = features.get(key);
    features.set(key, known ? `${known};${rest}` : rest);
  }
  return features;
}

/** Asks for the features once for each connection, and switches UTF-8 on where it is offered and wanted. */
export class Negotiation {
  readonly #control: ControlConnection;
  readonly #codec: Codec;
  readonly #utf8: boolean;
  readonly #server: ObservedServer;
  /** It is done when FEAT is answered and OPTS is written. */
  state: 'not begun' | 'under way' | 'done' = 'not begun';
  #features: Promise<Features> | undefined;

  /** @param utf8 whether names are in UTF-8 where the server can do that */
  constructor(control: ControlConnection, codec: Codec, utf8: boolean, server: ObservedServer) {
    this.#server = server;
    this.#control = control;
    this.#codec = codec;
    this.#utf8 = utf8;
  }

  /** What the server offers; it is asked the first time. */
  features(): Promise<Features> {
    if (this.#features) return this.#features;
    this.state = 'under way';
    return (this.#features = this.#negotiate().finally(() => (this.state = 'done')));
  }

  /** A server that refuses FEAT, in whatever way, offers nothing. */
  async #negotiate(): Promise<Features> {
    const features = await this.#control.exec(new Command('FEAT', this.#codec)).then(parseFeatures, nothingWhereRefused);
    this.#server.offers(features);
    // Nobody waits for the reply: OPTS is sent before any command with a name, and most servers are in UTF-8 and refuse it.
    if (this.#utf8 && features.has('UTF8') && this.#server.utf8Option.outcome !== 'failed') this.#control.exec(new Command('OPTS UTF8 ON', this.#codec)).catch(ignore);
    return features;
  }
}

/** The features of a server that refuses FEAT; 421 is no refusal, but the end of the session (RFC 959, 5.4). */
function nothingWhereRefused(error: unknown): Features {
  if (error instanceof ReplyError && error.reply?.code !== 421) return new Map();
  throw error;
}

function ignore(): void {
  // it is refused, or the connection is lost: its next user gets the error
}

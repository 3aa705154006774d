import { Command } from './command';
import type { ControlConnection } from './control-connection';
import type { Codec } from './encoding';
import { PermanentError } from '../errors';
import type { Reply } from './reply';

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

/** Asks FEAT, and switches UTF-8 on where it is offered and wanted; a server without FEAT offers nothing. */
export async function negotiate(control: ControlConnection, codec: Codec, utf8: boolean): Promise<Features> {
  const features = await refusable(control.exec(new Command('FEAT', codec)).then(parseFeatures), new Map());
  // Not awaited: it leaves before any command that carries a name, and most servers refuse it, being in UTF-8 already.
  if (utf8 && features.has('UTF8')) refusable(control.exec(new Command('OPTS UTF8 ON', codec)), undefined).catch(lost);
  return features;
}

async function refusable<T, D>(answer: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PermanentError) return otherwise;
    throw error;
  }
}

function lost(): void {
  // the connection is gone: whoever uses it next is told so
}

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { chunksOf } from '../content';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import { file } from './files';
import type { Verb } from './verbs';

/** HASH's names for algorithms, and Node's. */
const NAMES: ReadonlyMap<string, string> = new Map([['SHA-512', 'sha512'], ['SHA-256', 'sha256'], ['SHA-1', 'sha1'], ['MD5', 'md5'], ['CRC32', 'crc32']]);

/** The hashes of files, those that the option `features` has: `HASH SHA-1*;SHA-256`, `XCRC`, `XSHA256`, `MD5` … */
export const digestVerbs: Readonly<Record<string, Verb>> = {
  HASH(session, argument) {
    const name = session.hash ?? /([^ ;]+)\*/.exec(offered(session, 'HASH'))?.[1] ?? 'SHA-1';
    const { content } = file(session, argument);
    session.reply(`213 ${name} 0-${content.size} ${digest(session, argument, NAMES.get(name) ?? '')} ${argument}`);
  },

  MD5(session, argument) {
    offered(session, 'MD5');
    session.reply(`251 ${argument} ${digest(session, argument, 'md5').toUpperCase()}`);
  },

  XCRC: old('XCRC', 'crc32'),
  XMD5: old('XMD5', 'md5'),
  XSHA1: old('XSHA1', 'sha1'),
  XSHA256: old('XSHA256', 'sha256'),
  XSHA512: old('XSHA512', 'sha512'),
};

/** OPTS HASH, with or without a name. @throws Refusal 501 */
export function chooseHash(session: Session, name: string): void {
  const names = offered(session, 'HASH').replace('*', '').split(';');
  if (name !== '' && !names.includes(name)) throw new Refusal('501 Unknown algorithm, current selection not changed');
  if (name !== '') session.hash = name;
  session.reply(`200 ${session.hash ?? ''}`);
}

/** The name in quotes where it has blanks; upper case, as most have it. */
function old(verb: string, algorithm: string): Verb {
  return (session, argument) => {
    offered(session, verb);
    const [, quoted, bare = ''] = /^(?:"(.*)"|(\S+))$/s.exec(argument) ?? [];
    if (quoted === undefined && bare === '') throw new Refusal('501 Invalid number of parameters.');
    session.reply(`250 ${digest(session, quoted ?? bare, algorithm).toUpperCase()}`);
  };
}

/** What FEAT has after the verb. @throws Refusal 500 */
function offered({ server }: Session, verb: string): string {
  const line = server.features.find((each) => each === verb || each.startsWith(`${verb} `));
  if (line === undefined) throw new Refusal('500 Unknown command.');
  return line.slice(verb.length + 1);
}

function digest(session: Session, path: string, algorithm: string): string {
  const { content } = file(session, path);
  if (algorithm === 'crc32') {
    let crc = 0;
    for (const chunk of chunksOf(content)) crc = crc32(chunk, crc);
    return crc.toString(16).padStart(8, '0');
  }
  const hash = createHash(algorithm);
  for (const chunk of chunksOf(content)) hash.update(chunk);
  return hash.digest('hex');
}

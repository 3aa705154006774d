import { posix } from 'node:path';
import { dosLine, factsLine, iisLine, itemsIn, itemsOf, linesOf, listLine, os400Line, vxWorksLine, type Item } from '../listing';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import { download } from '../transfer';
import type { Verb } from './verbs';

const MARK = '150 Here comes the directory listing.';
const DONE = '226 Directory send OK.';

/** LIST, NLST, MLSD. */
export const listingVerbs: Readonly<Record<string, Verb>> = {
  LIST: (session, argument) => list(session, named(session, argument), (item) => lineOf(session, item)),
  NLST: (session, argument) => list(session, named(session, argument), ({ name }) => name),
  MLSD: (session, argument) => list(session, items(session, argument, (path) => itemsIn(session.server.files, path)), (item) => factsLine(item, session.facts)),
};

/** The lines that LIST would send. @throws Refusal 550 */
export function listed(session: Session, argument: string): Iterable<string> {
  return Array.from(named(session, argument), (item) => lineOf(session, item));
}

const LINES = { dos: dosLine, 'unix by IIS': iisLine, os400: os400Line, vxworks: vxWorksLine };

function lineOf({ server, lines }: Session, item: Item): string {
  return (lines === undefined ? listLine : LINES[lines])(item, server.now());
}

/** Flags as `-la` are ignored, as pyftpdlib does. */
function named(session: Session, argument: string): Iterable<Item> {
  const name = argument.replace(/^(-[a-zA-Z]+( |$))+/, '');
  return items(session, name, (path, shown) => itemsOf(session.server.files, path, shown));
}

/** What a listing has of the path that it was asked for, as far as the server looks at it. @throws Refusal 550 */
function items(session: Session, argument: string, find: (path: string, shown: string) => Iterable<Item>): Iterable<Item> {
  const { listings, missingFolder, emptyFolder } = session.server.deviations;
  const name = listings === 'ignore the path' ? '' : argument;
  try {
    const found = find(session.path(name), posix.normalize(name));
    if (emptyFolder && [...found].length === 0) throw new Refusal(emptyFolder);
    if (listings !== 'repeat the path' || name === '') return found;
    return Array.from(found, (item) => (item.name.includes('/') ? item : { ...item, name: posix.join(name, item.name) }));
  } catch (error) {
    if (missingFolder === 'empty' && error instanceof Refusal) return [];
    throw error;
  }
}

function list(session: Session, items: Iterable<Item>, line: (item: Item) => string): Promise<void> {
  return download(session, MARK, linesOf(items, line, session.server.encoding), DONE);
}

import { posix } from 'node:path';
import { makeNode } from '../nodes';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import type { Verb } from './verbs';

/** CWD, CDUP, PWD, MKD, RMD, and their older names of RFC 775. */
export const folderVerbs: Readonly<Record<string, Verb>> = {
  CWD: change,
  XCWD: change,
  CDUP: (session) => change(session, '..'),
  XCUP: (session) => change(session, '..'),
  PWD: printDirectory,
  XPWD: printDirectory,
  MKD: make,
  XMKD: make,
  RMD: remove,
  XRMD: remove,
};

/** A path as 257 has it (RFC 959, appendix II). */
export function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}

function change(session: Session, argument: string): void {
  const path = session.path(argument);
  const { path: stored } = session.server.files.directory(path);
  session.cwd = session.server.deviations.names === 'NFD' ? stored : path;
  session.reply('250 Directory successfully changed.');
}

function printDirectory(session: Session): void {
  session.reply(`257 ${quoted(session.cwd)} is the current directory`);
}

function make(session: Session, argument: string): void {
  const { files, now } = session.server;
  const path = session.path(argument);
  const place = files.place(path, 550);
  if (session.server.deviations.forbids?.test(posix.basename(path))) throw new Refusal('550 The filename, directory name, or volume label syntax is incorrect.');
  if (files.has(place)) throw new Refusal('550 Create directory operation failed: it exists.');
  files.set(place, { ...makeNode('/', ''), modified: now() });
  session.reply(`257 ${quoted(path)} created`);
}

function remove(session: Session, argument: string): void {
  const { files } = session.server;
  const { path, node } = files.find(session.path(argument));
  if (path === '/' || node.kind !== 'directory') throw new Refusal('550 Remove directory operation failed.');
  if (files.names(path).length > 0) throw new Refusal('550 Remove directory operation failed: it is not empty.');
  files.delete(path);
  session.reply('250 Remove directory operation successful.');
}

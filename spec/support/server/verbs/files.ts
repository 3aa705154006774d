import { timeValue } from '../listing';
import type { FileNode } from '../nodes';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import type { Verb } from './verbs';

/** What is done to files without a data connection. */
export const fileVerbs: Readonly<Record<string, Verb>> = {
  DELE(session, argument) {
    const { path, node } = session.server.files.find(session.path(argument));
    if (node.kind === 'directory') throw new Refusal('550 Delete operation failed.');
    session.server.files.delete(path);
    session.reply('250 Delete operation successful.');
  },

  RNFR(session, argument) {
    session.renameFrom = session.server.files.find(session.path(argument)).path;
    session.reply('350 Ready for RNTO.');
  },

  RNTO(session, argument) {
    const { files } = session.server;
    const from = session.renameFrom;
    if (from === undefined) throw new Refusal('503 RNFR required first.');
    session.renameFrom = undefined;
    const to = files.place(session.path(argument), 550);
    const refused = !files.has(from) || (session.server.deviations.renames === 'never over' && files.has(to) && files.find(to).path !== from);
    if (refused || `${to}/`.startsWith(`${from}/`) || files.names(to).length > 0) throw new Refusal('550 Rename failed.');
    files.move(from, to);
    session.reply('250 Rename successful.');
  },

  /** In TYPE I only, as ProFTPD and pyftpdlib have it. */
  SIZE(session, argument) {
    if (session.type === 'A') throw new Refusal('550 SIZE not allowed in ASCII mode.');
    session.reply(`213 ${file(session, argument).content.size}`);
  },

  MDTM(session, argument) {
    session.reply(`213 ${timeValue(file(session, argument).modified)}`);
  },

  MFMT(session, argument) {
    const [, digits = '', path = ''] = /^(\d{14}) (.+)$/s.exec(argument) ?? [];
    const time = new Date(digits.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
    if (path === '' || Number.isNaN(time.getTime())) throw new Refusal('501 Invalid time or path.');
    session.server.files.follow(session.path(path)).node.modified = time;
    session.reply(`213 Modify=${digits}; ${path}`);
  },

  SITE(session, argument) {
    const { lacks } = session.server.deviations;
    const [, mode, path = ''] = /^CHMOD ([0-7]{3,4}) (.+)$/is.exec(argument) ?? [];
    if (mode !== undefined && !lacks?.includes('SITE CHMOD')) {
      session.server.files.follow(session.path(path)).node.mode = parseInt(mode, 8);
      return session.reply('200 SITE CHMOD command ok.');
    }
    if (/^DIRSTYLE$/i.test(argument) && session.lines !== undefined) {
      session.lines = session.lines === 'dos' ? 'unix by IIS' : 'dos';
      return session.reply(`200 MSDOS-like directory output is ${session.lines === 'dos' ? 'on' : 'off'}`);
    }
    if (!/^HELP$/i.test(argument)) throw new Refusal('500 Unknown SITE command.');
    session.reply('214 CHMOD HELP');
  },
};

/** @throws Refusal 550 */
export function file(session: Session, argument: string): FileNode {
  const { node } = session.server.files.follow(session.path(argument));
  if (node.kind !== 'file') throw new Refusal('550 Not a plain file.');
  return node;
}

import type { Command } from '../control/command';
import { parse257 } from '../control/reply-text';
import type { Turn } from '../control/session';
import type { ReplyError } from '../errors';
import type { Reply } from '../reply';
import { isAnswer, isFolder, saysMissing } from './facts';

/** The name of a folder in the reply to MKD (RFC 959, appendix II); empty where it quotes none. */
export function nameIn(reply: Reply): string {
  return reply.code === 257 && reply.text.includes('"') ? parse257(reply) : '';
}

/**
 * Makes a folder, and those that it is in, unless they are there. The innermost is tried first, which is one round trip where only that is missing.
 * Others may make the same folders at the same time.
 *
 * @returns its name as the server says it; empty where it says none, or the folder was there
 * @throws the refusal of the outermost folder that cannot be made, as where a file has its name
 */
export async function makeFolders(turn: Turn, path: string): Promise<string> {
  const mkd = turn.session.command('MKD', path);
  const refusal = await make(turn, mkd);
  if (typeof refusal === 'string') return refusal;
  if (!saysMissing(refusal, path) && (await isThere(turn, path, refusal))) return ''; // else its parent is missing
  const parent = folderOf(path);
  if (parent === '' || parent === '/') throw refusal;
  await makeFolders(turn, parent);
  const again = await make(turn, mkd);
  if (typeof again === 'string') return again;
  if (await isThere(turn, path, again)) return ''; // somebody else has made it
  throw again;
}

/** Whether CWD enters the folder; on a server that enters what is missing, whether it says so. */
async function isThere(turn: Turn, path: string, refusal: ReplyError): Promise<boolean> {
  const answer = await isFolder(turn, path);
  return typeof answer === 'boolean' ? answer : answer === undefined && /\bexists\b/i.test(refusal.message);
}

/** Its name, or why it is refused. */
async function make({ control, sending }: Turn, mkd: Command): Promise<string | ReplyError> {
  try {
    return nameIn(await control.exec(mkd, sending));
  } catch (error) {
    if (!isAnswer(error, true)) throw error;
    return error;
  }
}

/** The folder that a path is in: empty for the working folder. */
export function folderOf(path: string): string {
  const [, root = '', folder = ''] = /^(\/*)(?:(.*?)\/+)?[^/]*\/*$/s.exec(path) ?? [];
  return folder === '' ? root.slice(0, 1) : root + folder;
}

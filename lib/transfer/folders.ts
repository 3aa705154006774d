import type { Command } from '../control/command';
import { parse257 } from '../control/reply-text';
import type { Turn } from '../control/session';
import type { ReplyError } from '../errors';
import type { Reply } from '../reply';
import { folderOf, isAnswer, isFolder, mayMeanMissingFolder, saysMissing } from './facts';
import type { Choice, Plan } from './transfer';

/** The path of a folder in the reply to MKD or PWD (RFC 959, appendix II); empty where it quotes none. */
export function pathIn(reply: Reply): string {
  try {
    return parse257(reply);
  } catch {
    return '';
  }
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
  if (!saysMissing(refusal, path) && (await wasThere(turn, path, refusal))) return ''; // else its parent is missing
  const parent = folderOf(path);
  if (parent === '' || parent === '/') throw refusal;
  await makeFolders(turn, parent);
  const again = await make(turn, mkd);
  if (typeof again === 'string') return again;
  if (await wasThere(turn, path, again)) return ''; // somebody else has made it
  throw again;
}

/** Whether CWD enters the folder; on a server that enters what is missing, whether it says so. */
async function wasThere(turn: Turn, path: string, refusal: ReplyError): Promise<boolean> {
  const answer = await isFolder(turn, path);
  return typeof answer === 'boolean' ? answer : answer === undefined && /\bexists\b/i.test(refusal.message);
}

/** Its name, or why it is refused. */
async function make({ control, sending }: Turn, mkd: Command): Promise<string | ReplyError> {
  try {
    return pathIn(await control.exec(mkd, sending));
  } catch (error) {
    if (!isAnswer(error, true)) throw error;
    return error;
  }
}

/**
 * A STOR that makes the folder of its file where it is missing: the upload is tried first, and once more after a refusal, before which the server takes
 * no byte of it.
 */
export class UploadWithParents implements Plan {
  readonly #plan: Plan | undefined;
  #command: Command;
  #tried = false;

  /** @param plan what else there is to do */
  constructor(command: Command, plan: Plan | undefined) {
    this.#command = command;
    this.#plan = plan;
  }

  async begin(turn: Turn, moved: number): Promise<Command | Choice | 'complete'> {
    const command = this.#plan ? await this.#plan.begin(turn, moved) : this.#command;
    if (typeof command === 'function') return async () => (this.#command = await command());
    if (command !== 'complete') this.#command = command;
    return command;
  }

  async recover(refusal: ReplyError, turn: Turn, begun: boolean): Promise<Command | 'complete'> {
    const folder = folderOf(this.#command.argument);
    if (!this.#tried && !begun && mayMeanMissingFolder(refusal, folder)) {
      this.#tried = true;
      try {
        await makeFolders(turn, folder);
        return this.#command;
      } catch (error) {
        if (!isAnswer(error, true)) throw error;
        refusal.message += ` (the folder ${folder} cannot be made: ${error.message})`;
      }
    }
    if (this.#plan?.recover) return this.#plan.recover(refusal, turn, begun);
    throw refusal;
  }

  observe(chunk: Uint8Array): void {
    this.#plan?.observe?.(chunk);
  }

  async finish(turn: Turn, complete: boolean, bytes: number): Promise<void> {
    await this.#plan?.finish?.(turn, complete, bytes);
  }
}

// One command, from its arguments to the exit code. The build joins this module and all that it needs to one file, for code-cache.ts.

import { Arguments } from './arguments';
import { COMMANDS } from './commands';
import { EXIT, sentenceOf, UsageError } from './failure';
import { list, makeFolders, move, remove, watchFolder } from './folders';
import { commandHelp, completionFor, type Described, refuse, SHELLS, show } from './help';
import { Invocation } from './invocation';
import { cat, download, mirrorTree, upload } from './transfers';

/** What the commands do. */
export const WORK: Readonly<Record<string, (invocation: Invocation) => Promise<void>>> = {
  get: (invocation) => download(invocation),
  put: (invocation) => upload(invocation),
  ls: (invocation) => list(invocation),
  cat: (invocation) => cat(invocation),
  mirror: (invocation) => mirrorTree(invocation),
  rm: (invocation) => remove(invocation),
  mkdir: (invocation) => makeFolders(invocation),
  mv: (invocation) => move(invocation),
  watch: (invocation) => watchFolder(invocation),
  completion,
};

/** Carries out a command; resolves with the exit code. */
export async function runCommand(command: Described, words: readonly string[]): Promise<number> {
  let invocation: Invocation;
  try {
    const given = new Arguments(command, words);
    if (given.has('help')) return show(commandHelp(command));
    invocation = new Invocation(given);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return refuse(sentenceOf(error), `ftplib ${command.name} --help explains it.\n`);
  }
  const ended = listen(invocation);
  const code = await invocation.run((run) => (WORK[command.name] as (typeof WORK)[string])(run));
  ended();
  return code;
}

/** Milliseconds for connections to close after the work was stopped. */
const LONGEST_END = 1000;

/**
 * The first signal ends the work in good order, the second one at once. Then the process dies by the signal, which is the same exit code for a shell: an
 * exit would wait until the system has found the address of a host, or has given up, and that may take half a minute.
 *
 * @returns what is to be called when the work has ended: where a signal has ended it, the rest is not waited for, either
 */
function listen(invocation: Invocation): () => void {
  let first: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first) return die(signal);
    first = signal;
    invocation.stop(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
  };
  const die = (signal: NodeJS.Signals): void => {
    if (process.platform === 'win32') process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated); // no shell there knows signals
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => void (first && setTimeout(die, LONGEST_END, first).unref());
}

async function completion(invocation: Invocation): Promise<void> {
  const [name] = invocation.arguments.operands;
  const shell = SHELLS.find((each) => each === name);
  if (shell === undefined) throw new UsageError(`there is no completion for '${name}', but for ${SHELLS.join(' and ')}`);
  await invocation.print(completionFor(shell, COMMANDS));
}

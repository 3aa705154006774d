import type { Session } from './session';

/** One thing that a script does; see steps.ts. */
export type Step = (session: Session) => Promise<void> | void;

/** Steps in order; a string is a reply line. */
export type Sequence = readonly (string | Step)[];

/**
 * What to do instead of the built-in behaviour.
 *
 * A string replies it. A list with a step in it is done at each command. A list of strings and lists has one element for each
 * command in turn, the last one for all that follow. A function gets the session and the command's argument.
 */
export type Act = string | Sequence | readonly (string | Sequence)[] | ((session: Session, argument: string) => Promise<void> | void);

/** Acts by verb; `CONNECT` comes before TLS and the greeting, `GREETING` in place of the greeting. */
export type Script = Readonly<Record<string, Act>>;

/** A script and how far its lists have come. */
export class ScriptRun {
  readonly #turns = new WeakMap<object, number>();

  constructor(public script: Script) {}

  /** False when the script says nothing about the verb. */
  async run(verb: string, session: Session, argument: string): Promise<boolean> {
    const act = Object.hasOwn(this.script, verb) ? this.script[verb] : undefined;
    if (act === undefined) return false;
    if (typeof act === 'function') await act(session, argument);
    else await runSequence(session, this.#sequence(act));
    return true;
  }

  #sequence(act: Exclude<Act, (...args: never) => unknown>): Sequence {
    if (typeof act === 'string') return [act];
    if (isSequence(act)) return act;
    const turn = this.#turns.get(act) ?? 0;
    this.#turns.set(act, turn + 1);
    const now = act[Math.min(turn, act.length - 1)] ?? [];
    return typeof now === 'string' ? [now] : now;
  }
}

/** Does the steps one after the other. */
async function runSequence(session: Session, steps: Sequence): Promise<void> {
  for (const step of steps) {
    if (typeof step === 'string') session.reply(step);
    else await step(session);
  }
}

function isSequence(act: Sequence | readonly (string | Sequence)[]): act is Sequence {
  return act.some((item) => typeof item === 'function');
}

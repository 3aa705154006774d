import type { ControlConnection } from './control-connection';
import type { Reply } from './reply';
import type { Session } from './session';
import { TimeoutError } from '../errors';

/** Milliseconds of silence after which a reply that is due is taken for missing. */
const SILENCE = 1000;
/** Milliseconds after which a server that cannot be brought back in step is given up. */
const PATIENCE = 10_000;

/** What is still due. */
export interface Due {
  /** How many final replies are due besides those to the commands that wait. */
  readonly finals: number;
  /** A 1yz is due too, and is no final reply. */
  readonly mark: boolean;
  /** What the commands that wait are told. */
  readonly reason: Error;
  /**
   * After the last reply that came, no other may be due because the server swallows some: then PWD shows whether it is so,
   * since 257 is an answer to nothing else. Otherwise a reply that is missing ends the connection.
   */
  maybeAll(last: Reply | undefined): boolean;
}

/** Takes replies until none is due: resolves with the last one, or with undefined when the connection had to be closed. */
export function resynchronise(session: Session, control: ControlConnection, { finals, mark, reason, maybeAll }: Due): Promise<Reply | undefined> {
  if (!control.open) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let markDue = mark;
    let came = 0;
    let probed = false;
    let last: Reply | undefined;

    const onReply = (reply: Reply): void => {
      quiet.refresh();
      if (reply.kind === 'preliminary' && markDue) markDue = false;
      else if (probed && reply.code === 257) settle(last);
      else {
        came += 1;
        last = reply;
        // A server that knows no PWD answers that too: then all are there.
        if (came === due + finals + (probed ? 1 : 0)) settle(last);
      }
    };
    const outOfStep = (): void => control.destroy(new TimeoutError('the server did not come back in step', { cause: reason }));
    const quiet = setTimeout(() => {
      if (!probed && maybeAll(last)) {
        probed = true;
        control.send(session.command('PWD'));
      } else if (came > 0) outOfStep();
    }, SILENCE);
    const { replyTimeout } = session.settings;
    const patience = setTimeout(outOfStep, replyTimeout > 0 ? Math.min(PATIENCE, replyTimeout) : PATIENCE);
    const settle = (reply: Reply | undefined): void => {
      clearTimeout(quiet);
      clearTimeout(patience);
      release();
      resolve(reply);
    };
    const { due, release } = control.collect(reason, { onReply, onClose: () => settle(undefined) });
  });
}

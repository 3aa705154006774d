import type { ControlConnection } from './control-connection';
import type { Reply } from './reply';
import type { Session } from './session';
import { TimeoutError } from '../errors';

/** Milliseconds of silence after which a server that owes us a reply is asked something that tells where we are. */
const SILENCE = 1000;
/** Milliseconds after which a server that cannot be brought back in step is given up. */
const PATIENCE = 10_000;

/** What is still due. */
export interface Due {
  /** How many final replies are due at most. */
  readonly finals: number;
  /** So many come for certain; when they have, silence means that no more will. */
  readonly certain: number;
  /** A 1yz is due too, and is no final reply. */
  readonly mark: boolean;
  /** What the commands that wait are told; theirs are among the replies due. */
  readonly reason: Error;
}

/**
 * Takes replies until none is due: resolves with the last one, or with undefined when the connection had to be closed.
 *
 * Not every server sends all of them. When one is missing, PWD shows whether it is still to come: 257 is an answer to
 * nothing else.
 */
export function resynchronise(session: Session, control: ControlConnection, { finals, certain, mark, reason }: Due): Promise<Reply | undefined> {
  if (!control.open) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let markDue = mark;
    let came = 0;
    let probed = false;
    let last: Reply | undefined;

    const release = control.collect(reason, (reply) => {
      quiet.refresh();
      if (reply.kind === 'preliminary' && markDue) markDue = false;
      else if (probed && reply.code === 257) settle(last);
      else {
        came += 1;
        last = reply;
        // A server that knows no PWD answers that too: then all are there.
        if (came === (probed ? finals + 1 : finals)) settle(last);
      }
    });
    const quiet = setTimeout(() => {
      if (probed || came < certain) return;
      probed = true;
      control.send(session.command('PWD'));
    }, SILENCE);
    const { replyTimeout } = session.settings;
    const patience = setTimeout(
      () => control.destroy(new TimeoutError('the server did not come back in step', { cause: reason })),
      replyTimeout > 0 ? Math.min(PATIENCE, replyTimeout) : PATIENCE,
    );
    const onClose = (): void => settle(undefined);
    const settle = (reply: Reply | undefined): void => {
      clearTimeout(quiet);
      clearTimeout(patience);
      control.off('close', onClose);
      release();
      resolve(reply);
    };
    control.once('close', onClose);
  });
}

import type { Command } from './command';
import type { ControlConnection } from './control-connection';
import { answersNoop, isTransferEnd } from './command-table';
import type { Reply } from '../reply';
import type { Session } from './session';
import { TimeoutError } from '../errors';

/** Milliseconds of silence after which PWD is sent once more: a server may take none during a transfer, or one command a packet only. */
const SILENCE = 1000;
/** How often PWD is sent. */
const MOST_TRIES = 3;
/** Milliseconds after which a server that cannot be brought back in step is given up. */
const PATIENCE = 10_000;

/**
 * ABOR for a transfer whose data connection has been reset: resolves when the control connection is in step again, with the reply to ABOR;
 * or undefined when the connection had to be closed.
 *
 * Two final replies are due, one for the transfer and one for ABOR (RFC 959, 4.1.3), and servers differ in which they send and when:
 * GridFTP 13.24 and aioftp 0.21 close the connection, Pure-FTPd 1.0.50 ends the transfer with a second 1yz or sends only ABOR's 226,
 * Ruby's ftpd answers ABOR late. So nothing is counted: PWD follows, whose 257 is an answer to nothing else.
 *
 * A 225 alone says that there was no transfer: pyftpdlib 1.5.7 still holds it then, and would send its bytes on the next data connection.
 */
export function abortTransfer(session: Session, control: ControlConnection, reason: Error): Promise<Reply | undefined> {
  return inStepAfter(session, control, reason, session.command('ABOR'));
}

/** Takes the replies to NOOPs that were sent during a transfer; some never come. */
export async function takeNoopReplies(session: Session, control: ControlConnection, reason: Error): Promise<void> {
  await inStepAfter(session, control, reason, undefined);
}

function inStepAfter(session: Session, control: ControlConnection, reason: Error, abor: Command | undefined): Promise<Reply | undefined> {
  if (!control.open) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const pwd = session.command('PWD');
    const noops = control.unansweredNoops > 0;
    const finals: Reply[] = [];
    let tries = 0;
    let answered = 0;

    const probe = (): void => {
      tries += 1;
      control.send(pwd);
      quiet.refresh();
    };
    const outOfStep = (): void => control.destroy(new TimeoutError('the server did not come back in step after a transfer was left', { cause: reason }));
    const isOver = (): boolean => !abor || finals.length > 1 || finals.some((reply) => isTransferEnd(reply) || reply.kind === 'transient');
    const onReply = (reply: Reply): void => {
      quiet.refresh();
      if (reply.code === 257) answered += 1;
      else if (reply.kind !== 'preliminary' && !(noops && answersNoop(reply)) && --earlier < 0) finals.push(reply);
      if (answered > 0 && !isOver()) outOfStep(); // the transfer may go on
      else if (answered > 0 && answered === tries) settle(finals.at(-1));
    };
    const quiet = setTimeout(() => {
      if (answered > 0) settle(finals.at(-1)); // another PWD was lost
      else if (tries < MOST_TRIES) probe();
      else outOfStep();
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
    let earlier = due - 1; // a session's first OPTS may leave just before the transfer command, and say nothing of it
    if (abor) control.send(abor);
    probe();
  });
}

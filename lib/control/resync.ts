// How the control connection gets back in step, so that the next reply belongs to the next command: after ABOR, after NOOPs during a transfer, and after a transfer that failed.

import type { Command } from './command';
import type { ControlConnection } from './control-connection';
import { answersNoop, isTransferEnd } from './command-table';
import type { Reply } from '../reply';
import type { Session } from './session';
import { TimeoutError } from '../errors';

/** Milliseconds of silence before PWD is sent again: a server may drop commands during a transfer, or all but the first one of a packet. */
const SILENCE = 1000;
/** How often PWD is sent at most. */
const MOST_TRIES = 3;
/** Milliseconds before the connection to a server that does not get back in step is closed. */
const PATIENCE = 10_000;

/**
 * Sends ABOR for a transfer whose data connection was reset. Resolves when the control connection is in step again, with the reply to
 * ABOR, or with undefined where the connection had to be closed.
 *
 * Two final replies are due, one of the transfer and one of ABOR (RFC 959, 4.1.3), but servers differ in which ones they send, and when.
 * GridFTP 13.24 and aioftp 0.21 close the connection. Pure-FTPd 1.0.50 ends the transfer with a second 1yz, or sends only the 226 of
 * ABOR. Ruby's ftpd answers ABOR late. So replies are not counted: PWD is sent as well, and its 257 can answer nothing else.
 *
 * A 225 alone says that there was no transfer. pyftpdlib 1.5.7 still has the transfer then, and would send its bytes on the next data
 * connection, so the connection is closed.
 */
export function abortTransfer(session: Session, control: ControlConnection, reason: Error): Promise<Reply | undefined> {
  return inStepAfter(session, control, reason, session.command('ABOR'));
}

/** Takes what the server still has to say of a transfer: the replies to the NOOPs during it, some of which never come, and a second final reply. */
export async function takeFurtherReplies(session: Session, control: ControlConnection, reason: Error): Promise<void> {
  await inStepAfter(session, control, reason, undefined);
}

/** Sends `abor`, if there is one, and PWD, and resolves after the reply to PWD; commands that wait fail with `reason`. */
function inStepAfter(session: Session, control: ControlConnection, reason: Error, abor: Command | undefined): Promise<Reply | undefined> {
  if (!control.open) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const pwd = session.command('PWD');
    const mayAnswerNoops = control.unansweredNoops > 0;
    const finals: Reply[] = [];
    let sent = 0; // PWDs
    let answered = 0; // PWDs
    let fenced = false; // a NOOP was sent after them

    const probe = (): void => {
      sent += 1;
      control.send(pwd);
      silence.refresh();
    };
    const fence = (): void => {
      fenced = true;
      control.send(session.command('NOOP'));
      silence.refresh();
    };
    const outOfStep = (): void => control.destroy(new TimeoutError('the replies of the server cannot be matched to the commands any more', { cause: reason }));
    const transferIsOver = (): boolean => !abor || finals.length > 1 || finals.some((reply) => isTransferEnd(reply) || reply.kind === 'transient');
    const onReply = (reply: Reply): void => {
      silence.refresh();
      if (reply.code === 257) answered += 1;
      else if (fenced && answersNoop(reply)) return settle(finals.at(-1));
      else if (reply.kind !== 'preliminary' && !(mayAnswerNoops && answersNoop(reply)) && --earlier < 0) finals.push(reply);
      if (answered > 0 && !transferIsOver()) outOfStep(); // the server may still have the transfer
      else if (answered > 0 && abor && session.observed.abortsLate && finals.length < 2) outOfStep();
      else if (sent === 0 && finals.length > 0) probe();
      else if (!fenced && answered > 0 && answered === sent) settle(finals.at(-1));
    };
    const silence = setTimeout(() => {
      if (answered > 0 && !fenced) fence(); // the server has dropped another PWD, or is late with its reply
      else if (sent < MOST_TRIES && !fenced) probe();
      else outOfStep();
    }, SILENCE);
    const { replyTimeout } = session.settings;
    const patience = setTimeout(outOfStep, replyTimeout > 0 ? Math.min(PATIENCE, replyTimeout) : PATIENCE);
    const settle = (reply: Reply | undefined): void => {
      clearTimeout(silence);
      clearTimeout(patience);
      control.release();
      resolve(reply);
    };
    let earlier = control.collect(reason, { onReply, onClose: () => settle(undefined) }) - 1; // commands before the transfer, such as the first OPTS of a session: their replies come first, and say nothing about it
    const atOnce = !abor || control.early === 'yes'; // else after the first final reply: the server may not take PWD before it
    if (abor) control.send(abor);
    if (atOnce) probe();
  });
}

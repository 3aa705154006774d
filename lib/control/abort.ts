import type { ControlConnection } from './control-connection';
import type { Reply } from './reply';
import type { Session } from './session';
import { TimeoutError } from '../errors';

/** Milliseconds of silence after which a server that owes us a reply is asked something that tells where we are. */
const SILENCE = 1000;
/** Milliseconds after which a server that cannot be brought back in step is given up. */
const PATIENCE = 10_000;
/** More replies than this to one ABOR are not an answer to it. */
const MOST_REPLIES = 8;

/**
 * ABOR for a transfer whose data connection has been reset: resolves when the control connection is in step again,
 * with the reply to ABOR; or undefined when the connection had to be closed.
 *
 * Two final replies are due, one for the transfer and one for ABOR (RFC 959, 4.1.3), and most servers send both.
 * Pure-FTPd 1.0.50 ends the transfer with a second 1yz; pyftpdlib 1.5.7 answers once when no data connection was
 * made yet; GridFTP 13.24 and aioftp 0.21 close the connection. When one reply is missing, PWD shows whether it is still
 * to come: 257 is an answer to nothing else.
 */
export function abortTransfer(session: Session, control: ControlConnection, reason: Error, marked: boolean): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    let finals = 0;
    let replies = 0;
    let probed = false;
    let last: Reply | undefined;

    const release = control.collect(reason, (reply) => {
      if (++replies > MOST_REPLIES) return control.destroy(reason);
      quiet.refresh();
      if (reply.kind === 'preliminary' && !marked) marked = true;
      else if (probed && reply.code === 257) finish();
      else {
        finals += 1;
        last = reply;
        if (finals === (probed ? 3 : 2)) finish();
      }
    });
    const quiet = setTimeout(() => {
      if (probed || finals === 0) return;
      probed = true;
      control.send(session.command('PWD'));
    }, SILENCE);
    const { replyTimeout } = session.settings;
    const patience = setTimeout(
      () => control.destroy(new TimeoutError('the server did not come back in step after ABOR', { command: 'ABOR' })),
      replyTimeout > 0 ? Math.min(PATIENCE, replyTimeout) : PATIENCE,
    );
    const onClose = (): void => settle(undefined);
    const finish = (): void => settle(last);
    const settle = (reply: Reply | undefined): void => {
      clearTimeout(quiet);
      clearTimeout(patience);
      control.off('close', onClose);
      release();
      resolve(reply);
    };
    control.once('close', onClose);
    control.send(session.command('ABOR'));
  });
}

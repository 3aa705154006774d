import type { ControlConnection } from './control-connection';
import type { Reply } from './reply';
import { resynchronise } from './resync';
import type { Session } from './session';

/**
 * ABOR for a transfer whose data connection has been reset: resolves when the control connection is in step again,
 * with the reply to ABOR; or undefined when the connection had to be closed.
 *
 * Two final replies are due, one for the transfer and one for ABOR (RFC 959, 4.1.3), and most servers send both; before
 * them comes what commands in front of the transfer's still wait for, such as a session's first OPTS.
 * GridFTP 13.24 and aioftp 0.21 close the connection. Pure-FTPd 1.0.50 ends the transfer with a second 1yz, or sends only
 * ABOR's 226, which says that the transfer was aborted. pyftpdlib 1.5.7 may send only ABOR's 225, which says that there
 * was none: it still holds the transfer, and would send its bytes on the next data connection.
 */
export function abortTransfer(session: Session, control: ControlConnection, reason: Error, marked: boolean): Promise<Reply | undefined> {
  const settled = resynchronise(session, control, { finals: 1, mark: !marked, reason, maybeAll: (last) => last?.code === 226 });
  control.send(session.command('ABOR'));
  return settled;
}

import type { ControlConnection } from '../control/control-connection';
import { resynchronise } from '../control/resync';
import type { Session } from '../control/session';
import { FTPError } from '../errors';

/** NOOPs during a transfer, until the timer is cleared; on request only, for they break it on some servers (Pure-FTPd 1.0.50 answers one for many). */
export function sendNoops(session: Session, control: ControlConnection): NodeJS.Timeout | undefined {
  const { keepAlive, keepAliveDuringTransfers } = session.settings;
  if (keepAlive === 0 || !keepAliveDuringTransfers) return undefined;
  return setInterval(() => control.keepAlive(session.command('NOOP')), keepAlive);
}

/** Takes the replies to those NOOPs that are still due behind the transfer's own; some never come. */
export async function takeNoopReplies(session: Session, control: ControlConnection): Promise<void> {
  await resynchronise(session, control, { finals: control.noopsDue, mark: false, reason: new FTPError('NOOP: not answered'), maybeAll: () => true });
}

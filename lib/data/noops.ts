import type { ControlConnection } from '../control/control-connection';
import type { Session } from '../control/session';

/** NOOPs during a transfer, until the timer is cleared; on request only, for they break it on some servers (Pure-FTPd 1.0.50 answers one for many). */
export function sendNoops(session: Session, control: ControlConnection): NodeJS.Timeout | undefined {
  const { keepAlive, keepAliveDuringTransfers } = session.settings;
  if (keepAlive === 0 || !keepAliveDuringTransfers) return undefined;
  return setInterval(() => control.keepAlive(session.command('NOOP')), keepAlive);
}

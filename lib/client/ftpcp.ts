import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import { formatEprt, formatPort, parse227, parse229 } from '../control/reply-text';
import { abortTransfer } from '../control/resync';
import type { Needs, Session, Turn } from '../control/session';
import { ArgumentError } from '../errors';
import { isAddress } from '../net/dial';
import type { Reply } from '../reply';
import { askPort, EPSV, PASV } from '../transfer/passive';
import type { FTP } from './ftp';
import { requirePath } from './verbs';

/** What both servers' sessions must be. */
const NEEDS: Needs = { folder: true, transfer: 'anew' };

/** One of the two servers of a copy. */
class Side {
  readonly session: Session;
  readonly control: ControlConnection;
  #completion: Promise<Reply> | undefined;
  #marked = false;
  #answered = false;

  constructor({ session, control }: Turn) {
    this.session = session;
    this.control = control;
  }

  /** Starts a transfer; resolves with its mark. */
  async start(command: Command): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onMark = (): void => {
        this.#marked = true;
        resolve();
      };
      this.#completion = this.control.exec(command, { transfer: true }, onMark);
      const answered = (): void => void (this.#answered = true);
      this.#completion.then(answered, answered);
      this.#completion.then(() => resolve(), reject);
    });
  }

  /** The transfer's final reply; when it has come, the other side's is due too. */
  async completed(other: Side): Promise<Reply> {
    const reply = await (this.#completion as Promise<Reply>);
    if (!other.#answered) other.control.expectCompletion();
    return reply;
  }

  /** A server that refused to send still listens, and the target waits for bytes and reads no ABOR: another PASV ends the port. */
  async closePort(): Promise<void> {
    if (this.#answered && !this.#marked && this.control.open) await this.control.exec(PASV).catch(() => undefined);
  }

  /** Brings the connection in step again after the other side failed. */
  async giveUp(reason: Error): Promise<void> {
    if (!this.#completion || this.#answered || !this.control.open) return;
    await abortTransfer(this.session, this.control, reason);
  }
}

/**
 * Copies a file from one server to another, without the bytes passing through here (RFC 959, 5.2; ftplib's `ftpcp`).
 *
 * The target connects to the source: to the address that our own connection to the source leads to, not to the one
 * that its PASV claims. Resolves with both final replies; after a failure both clients are usable.
 *
 * @param type `I` (default) or `A`
 * @throws ArgumentError for an empty path, when both are one client, or the data of either are protected (PROT P); TemporaryError, PermanentError from either server
 */
export async function ftpcp(source: FTP, sourceName: string, target: FTP, targetName = '', type: 'I' | 'A' = 'I'): Promise<{ source: Reply; target: Reply }> {
  if (source === target) throw new ArgumentError('ftpcp needs two clients');
  if (type !== 'I' && type !== 'A') throw new ArgumentError(`type must be I or A, not ${String(type)}`);
  const retr = source.session.command('RETR', requirePath(sourceName));
  const stor = target.session.command('STOR', targetName || sourceName);
  // Both turns are asked for at once, so that two copies in opposite directions cannot wait for each other.
  let finish: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (finish = resolve));
  const targetTurn = new Promise<Side>((resolve, reject) => {
    target.sequence(stor, (turn) => (resolve(new Side(turn)), over), { needs: NEEDS }).catch(reject);
  });
  targetTurn.catch(() => undefined); // heard below, unless the source failed before
  return source
    .sequence(retr, async (turn) => copy(new Side(turn), retr, await targetTurn, stor, type), { needs: NEEDS })
    .finally(finish);
}

async function copy(source: Side, retr: Command, target: Side, stor: Command, type: 'I' | 'A'): Promise<{ source: Reply; target: Reply }> {
  // Both would wait for the other's ClientHello: who plays the TLS client is said by SSCN or CPSV, which hardly a server has.
  if (source.session.protection.secureData || target.session.protection.secureData) {
    throw new ArgumentError('ftpcp is for data in the clear: ask for it with protC() on both clients, or pipe retr() into stor()');
  }
  try {
    await Promise.all([source, target].flatMap(({ session, control }) => [session.switchType(control, type), session.clearMode(control)]));
    await connectServers(source, target);
    await target.start(stor);
    await source.start(retr);
    const [sent, stored] = await Promise.all([source.completed(target), target.completed(source)]);
    return { source: sent, target: stored };
  } catch (error) {
    await source.closePort();
    await Promise.all([source.giveUp(error as Error), target.giveUp(error as Error)]);
    throw error;
  }
}

async function connectServers(source: Side, target: Side): Promise<void> {
  const { peerHost, route } = source.session;
  if (route && !isAddress(peerHost)) throw new ArgumentError(`ftpcp needs the address of the source, which only ${route.name} knows: give it as the option host`);
  const host = isAddress(peerHost) ? peerHost : (source.control.remoteAddress ?? peerHost); // PORT takes no name
  if (host.includes(':') && !host.startsWith('::ffff:')) {
    const { port } = parse229(await askPort(source.control, EPSV));
    await target.control.exec(target.session.command('EPRT', formatEprt(host, port)));
  } else {
    const { port } = parse227(await askPort(source.control, PASV));
    await target.control.exec(target.session.command('PORT', formatPort(host, port)));
  }
}

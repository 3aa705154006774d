import { TransferError } from '../errors';

/**
 * A download must have no fewer bytes than were announced; more are a file that grew, unless there were to be none. After REST, servers announce the whole
 * size (vsftpd, inetutils) or what is left of it (ProFTPD).
 *
 * @throws TransferError
 */
export function checkSize(bytes: number, announced: number | undefined, start: number): void {
  if (announced === 0 && bytes > 0) throw new TransferError(`the server announced 0 bytes, and sent ${bytes}`, { phase: 'data' });
  if (announced === undefined || bytes >= announced || (start > 0 && bytes === Math.max(0, announced - start))) return;
  throw new TransferError(`the server said it was done after ${bytes} of ${announced} bytes`, { phase: 'data' });
}

// What a failure is to whoever called the command: one sentence that says what to do, and the exit code.

import { ArgumentError, ChangedError, ConnectionClosedError, FTPError, MismatchError, PermanentError, ProtocolError, TemporaryError, TimeoutError, TransferError } from '../errors';
import { NetrcParseError } from '../netrc';
import { escapeControls } from './text';

/** The exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130, terminated: 143 } as const;

/** The arguments cannot be understood; nothing was done. */
export class UsageError extends Error {}

/** There is no password, and nobody to ask for it. */
export class NoPasswordError extends Error {}

/** An error of which the command has found out what to do. */
export class AdvisedError extends Error {
  constructor(error: Error, advice: string) {
    super(`${sentenceOf(error)}: ${advice}`, { cause: error });
  }
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ArgumentError) return EXIT.usage;
  return isUnreachable(error) ? EXIT.unreachable : EXIT.failed;
}

/** Whether there is no connection or no login, so that nothing else can be done on that server. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof NoPasswordError || error instanceof NetrcParseError || error instanceof ConnectionClosedError) return true;
  if (!(error instanceof FTPError) || error.phase === undefined) return false;
  return error.phase === 'login' || (error.phase === 'connect' && !(error instanceof TransferError));
}

/** Returns one sentence that says what has failed, and what to do where that is known; nothing in it controls a terminal. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return escapeControls(String(error));
  const text = escapeControls(inWordsOfArguments(messageOf(error)).replace(/\r?\n\s*/g, ' ')).replace(/(?<![.:])[.:]?\s*$/, '');
  const remedy = remedyFor(error);
  return remedy === undefined ? text : `${text}: ${remedy}`;
}

function messageOf(error: Error): string {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== undefined && error.message.startsWith(`${code}: `)) {
    // Of the file system: `ENOENT: no such file or directory, open 'x'`.
    const reason = error.message.slice(code.length + 2).replace(/, \w+( '.*)?$/s, '');
    return path === undefined ? reason : `${path || "''"}: ${reason}`;
  }
  // What failed before there was a session says nothing of the command that wanted it.
  if (error instanceof FTPError && error.phase === 'connect' && error.message.startsWith(`${error.command}: `)) return error.message.slice(`${error.command}: `.length);
  return error.message;
}

/** The library's messages name its options and methods; here they are those of the command line. */
function inWordsOfArguments(message: string): string {
  return WORDS.reduce((text, [pattern, words]) => text.replace(pattern, words), message);
}

const WORDS: readonly (readonly [pattern: RegExp | string, words: string])[] = [
  [/: to trust (it|its authority), give it as ca in the option tls$/, ''],
  [/^PASS \*{4}: /, 'the server refuses the login: '],
  [/^[A-Z]{3,4}( .*)?: (?=cannot connect|[^ ]+: no connection |TLS: )/, ''],
  [' is not the one of the option pin;', ' is not the one of --pin;'],
  [/^pin must be /, '--pin must be '],
  [/^filter must be .*/, '--filter must be a glob, such as *.txt'],
  [" (secure: 'explicit' begins TLS before the login)", ': the server wants TLS: use ftpes://'],
  ["(option secure: 'implicit')", '(ftps://)'],
  ['TLS was asked for (option secure) and refused', 'TLS was asked for and refused'],
  [/ \(option secure\)/, ': ftpes:// begins TLS after the greeting, ftps:// at once, and ftp:// is without'],
  [/ \((connect|reply|stall)Timeout\)/, ' (--timeout)'],
  ['; temporaryName: false uploads under it at once', ''],
  ['passive: false cannot be had', '--active cannot be had'],
  ['secure cannot be had by way', 'TLS cannot be had by way'],
  ['of the option proxy', 'of --proxy'],
  ['in the option proxy', 'in --proxy'],
  ['rmd with recursive removes neither', 'rm -r deletes neither'],
  [/^since (is|must) .*/, 'the file of --state is not what an earlier watch has kept'],
];

const CERTIFICATE = 'trust its authority with --ca FILE, or this one certificate with --pin SHA256, once you know that it is the right one';

/** What to do, by the code of an error or of what has caused it. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'check the name of the host',
  EAI_AGAIN: 'check the name of the host, and the network',
  ECONNREFUSED: 'check the host and the port; no server listens there',
  EHOSTUNREACH: 'check the network',
  ENETUNREACH: 'check the network',
  ENOSPC: 'make room on the disk, and run the same command again to go on',
  EDQUOT: 'make room in the quota, and run the same command again to go on',
  EACCES: 'the permissions of the local folder or file do not allow it',
  EPERM: 'the permissions of the local folder or file do not allow it',
  EROFS: 'choose a folder that can be written to',
  ENOENT: 'check the local path',
  ENOTDIR: 'check the local path',
  EISDIR: 'it is a folder, and must be a file',
  CERT_HAS_EXPIRED: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  ERR_TLS_CERT_ALTNAME_INVALID: 'use the name that the certificate is for, or name its fingerprint with --pin',
};

function remedyFor(error: Error): string | undefined {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { code = '' } = each as NodeJS.ErrnoException;
    if (Object.hasOwn(REMEDIES, code)) return REMEDIES[code];
  }
  if (error instanceof PermanentError && error.phase === 'login') return wantsTLS(error) ? undefined : 'check the user and the password (URL, FTPLIB_PASSWORD, ~/.netrc)';
  if (error instanceof ProtocolError && error.phase === 'connect') return 'no FTP server answers there; check the host and the port';
  if (error instanceof TemporaryError) return 'try again later';
  if (error instanceof TimeoutError) return 'try again, or give it longer with --timeout SECONDS';
  if (error instanceof MismatchError || error instanceof ChangedError) return 'run it again with --no-resume';
  if (error instanceof ConnectionClosedError) return 'try again later; if it is always so, check the host and the port';
  return undefined;
}

/** The library says so after the reply. */
function wantsTLS(error: Error): boolean {
  return error.message.includes("(secure: 'explicit' begins TLS");
}

// What the library publishes in Node's `diagnostics_channel`: connections, commands and transfers, for tracing and metrics.
//
// Nothing is measured and no message is made while a channel has no subscribers.

import { channel } from 'node:diagnostics_channel';
import type { Reply } from './reply';

/** Which control connection a message is about. */
export interface ConnectionNumbers {
  /** The number of the client or pool in this process, from 1 on, in the order in which they were made. */
  readonly client: number;
  /** The number of the connection among those of the client or pool, from 1 on, in the order in which they were begun; the events of FTPPool have the same. */
  readonly connection: number;
}

/** What all messages of `ftplib:connection` have. */
interface ConnectionFacts extends ConnectionNumbers {
  readonly host: string;
  readonly port: number;
  /** The option `secure`. */
  readonly secure: false | 'explicit' | 'implicit';
}

/** What a message of `ftplib:connection` says has happened. */
export type ConnectionEvent =
  | { readonly event: 'open'; /** Milliseconds since it was begun. */ readonly ms: number }
  | { readonly event: 'failed'; /** Milliseconds since it was begun. */ readonly ms: number; readonly error: Error }
  | { readonly event: 'close'; /** Undefined where the client closed it. */ readonly error: Error | undefined };

/**
 * A message of the channel `ftplib:connection`. `open`: a control connection is made; its greeting has come, and TLS where the option `secure` asks for
 * it. `failed`: it could not be made. `close`: it is closed.
 */
export type ConnectionMessage = ConnectionFacts & ConnectionEvent;

/** A message of the channel `ftplib:command`: a command has its final reply, or will have none. */
export interface CommandMessage extends ConnectionNumbers {
  /** There is one message for each command, at its end. */
  readonly event: 'end';
  /** The line as it was sent; passwords are replaced by `****`. */
  readonly command: string;
  /** The final reply. Undefined where none came; and for ABOR, for the PWD after it, and for NOOPs during a transfer, whose replies cannot be told apart. */
  readonly reply: Reply | undefined;
  /** The error of a command that was refused, or has no reply. */
  readonly error: Error | undefined;
  /** Milliseconds from the command to its final reply; undefined where there is none. */
  readonly ms: number | undefined;
}

/** What both messages of `ftplib:transfer` have. */
interface TransferFacts extends ConnectionNumbers {
  /** The command that was asked for, such as `RETR a`; a listing may be made by another one. */
  readonly command: string;
  /** The path of the command, as the caller gave it; empty for a listing of the working folder. */
  readonly path: string;
  readonly direction: 'down' | 'up';
  /** The byte of the file at which it begins (RFC 3659, 5 REST): 0 for a whole file. */
  readonly resumedFrom: number;
}

/** What a message of `ftplib:transfer` says has happened. */
export type TransferEvent =
  | { readonly event: 'start' }
  | {
      readonly event: 'end';
      /** `left`: its stream was destroyed before it was complete, without an error or with an AbortError, as by `break` in a loop or by a signal. */
      readonly outcome: 'complete' | 'left' | 'failed';
      /** Payload bytes that were transferred, after `resumedFrom`. */
      readonly bytes: number;
      /** Milliseconds since `start`, the pauses of a reader or a source included. */
      readonly ms: number;
      /** How often it went on after a loss (option `retry`). */
      readonly retries: number;
      /** Why it failed, and the AbortError where it was left with one. */
      readonly error: Error | undefined;
    };

/**
 * A message of the channel `ftplib:transfer`: a download, an upload or a listing has its turn on a connection, or is over. Each `start` has one `end`,
 * whatever becomes of the transfer, and however often it was tried again.
 */
export type TransferMessage = TransferFacts & TransferEvent;

export const connectionChannel = channel('ftplib:connection');
export const commandChannel = channel('ftplib:command');
export const transferChannel = channel('ftplib:transfer');

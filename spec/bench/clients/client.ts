import type { Writable } from 'node:stream';
import type { Place } from '../work';

/** A listing that was read: how many entries, and what the client has to keep of it. */
export interface Listed {
  readonly count: number;
  readonly kept?: readonly unknown[];
}

/** One FTP client for Node.js, connected and logged in; each verb in the cheapest way that its public interface has. */
export interface Client {
  /** How many operations to have under way at once: 1 awaits each; more only where the client puts them in order by itself. */
  readonly ahead: number;
  /** Whether plain commands may be called together. */
  readonly queues: boolean;
  /** Reads a file to its end; resolves with the bytes counted. */
  drain(name: string): Promise<number>;
  download(name: string, into: Writable): Promise<void>;
  /** From a stream of the file. */
  upload(file: string, name: string): Promise<void>;
  /** From its path; default: as `upload`. */
  put?(file: string, name: string): Promise<void>;
  fill(name: string, bytes: Buffer): Promise<void>;
  list(path: string): Promise<Listed>;
  size(name: string): Promise<number>;
  /** Copies a folder and what is below it. */
  tree?(path: string, folder: string): Promise<void>;
  treeUp?(folder: string, path: string): Promise<void>;
  close(): void;
}

/** Of a client that gives all entries at once. */
export function listed(kept: readonly unknown[]): Listed {
  return { count: kept.length, kept };
}

/** What a file in this folder exports. */
export interface ClientModule {
  open(place: Place): Promise<Client>;
  /** The client's own parsers, without a connection: entries of a listing, and the number of replies in a text. */
  readonly parseList?: (text: string) => number;
  readonly parseReplies?: (text: Buffer) => number;
}

import { expect } from 'chai';
import { ReplyError, type FTPOptions } from '../../lib/index';
import type { Facts, Verb } from './facts';

/** A server that the contract is held against. */
export interface Target {
  readonly name: string;
  readonly facts: Facts;
  /** Where and how to log in. */
  readonly options: FTPOptions;
  /** What lies in the folder that the login leads to. */
  readonly disk: Disk;
  /** What the server calls that folder, without the last slash. */
  readonly root: string;
}

/** What lies on the disk of a server, past the server; paths are below the folder that the login leads to. */
export interface Disk {
  read(path: string): Buffer;
  write(path: string, content: string): void;
  mkdir(path: string): void;
  names(path: string): string[];
  stat(path: string): DiskFile;
  /** Removes a folder with all that is in it, if it is there. */
  remove(path: string): void;
  /** The path as a server says it that knows no other. */
  path(path: string): string;
}

/** What a disk knows of a file. */
export interface DiskFile {
  readonly mtime: Date;
  /** With its fractions, which `mtime` rounds. */
  readonly mtimeMs: number;
  readonly mode: number;
}

/** How data connections are made. */
export type Mode = 'EPSV' | 'PASV' | 'EPRT' | 'PORT';

/** The options that ask for a mode. */
export function modeOptions(mode: Mode): FTPOptions {
  return { passive: mode === 'EPSV' || mode === 'PASV', extended: mode === 'EPSV' || mode === 'EPRT' };
}

/** The code of the reply to QUIT. */
export function goodbye({ refuses, leavesSilently }: Facts): number | undefined {
  return leavesSilently ? undefined : (refuses.QUIT ?? 221);
}

/** A case that needs a command: where the server refuses it, the case is that the caller is told the server's own reply. */
export function itNeeds({ facts }: Target, verb: Verb, title: string, act: () => Promise<unknown>): void {
  const code = facts.refuses[verb];
  if (code === undefined) it(title, async () => void (await act()));
  else {
    it(`${title}: ${facts.software} says ${code} to ${verb}`, async () => {
      expect((await refusal(act())).reply?.code).to.equal(code);
    });
  }
}

/** The server's refusal; anything else is a failure. */
export async function refusal(outcome: Promise<unknown>): Promise<ReplyError> {
  let value: unknown;
  try {
    value = await outcome;
  } catch (error) {
    if (error instanceof ReplyError) return error;
    throw error;
  }
  throw new Error(`expected to be refused, but got ${String(value)}`);
}

import type { Deviations } from './deviations';
import type { NodeInit } from './nodes';
import type { Script } from './script';
import type { TlsOptions } from './tls-options';

/** A password, `*` for any; an account where the server asks for one. */
export interface Account {
  readonly password: string;
  readonly account?: string;
}

/** How a server is started; everything has a default. */
export interface FtpServerOptions extends Deviations {
  /** By absolute path; directories are implied, and a path ending in `/` is one that may be empty. */
  readonly files?: Readonly<Record<string, NodeInit>>;
  /** Passwords by name; default `{ anonymous: '*', user: 'secret' }`. */
  readonly users?: Readonly<Record<string, string | Account>>;
  /** Default 127.0.0.1. */
  readonly host?: '127.0.0.1' | '::1';
  /** Default: one that is free. */
  readonly port?: number;
  readonly tls?: TlsOptions;
  /** The lines of FEAT, TLS apart; `MLST` gets its facts. HASH, XCRC and their kin are there only when these have them. */
  readonly features?: readonly string[];
  readonly script?: Script;
  /** Of commands, replies and listings; default utf8. A command that is no UTF-8 is read as latin1. */
  readonly encoding?: 'utf8' | 'latin1';
  /** Milliseconds to wait for a data connection before 425; default 10000. */
  readonly acceptTimeout?: number;
  /** The time of what is uploaded, and of listings; default the present. */
  readonly now?: () => Date;
}

/** The lines of FEAT by default. */
export const FEATURES: readonly string[] = ['EPRT', 'EPSV', 'MDTM', 'MFMT', 'MLST', 'REST STREAM', 'SIZE', 'TVFS', 'UTF8'];

/** Who may log in by default. */
export const USERS: Readonly<Record<string, string | Account>> = { anonymous: '*', user: 'secret' };

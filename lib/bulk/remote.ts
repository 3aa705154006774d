import type { FTP } from '../ftp';

/** What bulk work asks of a server: the transfer, listing and file verbs that a client and a pool both have. */
export type Remote = Pick<
  FTP,
  | 'retr' | 'stor' | 'appe' | 'stou' | 'retrlines' | 'storlines'
  | 'nlst' | 'dir' | 'list' | 'mlsd' | 'mlst'
  | 'mkd' | 'rmd' | 'delete' | 'rename' | 'size' | 'mdtm' | 'mfmt' | 'feat' | 'hash'
> & {
  /** Operations that can run at a time: a pool tells its connections; a client has one. */
  readonly maxConnections?: number;
};

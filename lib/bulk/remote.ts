import type { Entry } from '../listing/entry';
import type { Reply } from '../reply';
import type { ListOptions, MlsdOptions } from '../transfer/list-plan';
import type { RetrOptions, RetrStream } from '../transfer/retr-stream';
import type { StorOptions, StorStream } from '../transfer/stor-stream';

/** The verbs that `get`, `put`, `walk` and trees use: a client (`FTP`) and a pool (`FTPPool`) both have them. */
export interface Remote {
  /** Operations that can run at the same time: the connections that a pool may have; undefined means one, as a client has. */
  readonly maxConnections?: number;
  retr(path: string, options?: Omit<RetrOptions, 'segments' | 'segmentBuffer'>): RetrStream;
  stor(path: string, options?: StorOptions): StorStream;
  appe(path: string, options?: Pick<StorOptions, 'signal' | 'highWaterMark'>): StorStream;
  stou(path?: string, options?: Pick<StorOptions, 'signal' | 'highWaterMark'>): StorStream;
  retrlines(cmd: string, options?: Pick<RetrOptions, 'signal' | 'highWaterMark'>): RetrStream<string>;
  storlines(cmd: string, options?: Omit<StorOptions, 'start' | 'verify'>): StorStream;
  nlst(path?: string): RetrStream<string>;
  dir(path?: string): RetrStream<string>;
  list(path?: string, options?: ListOptions): RetrStream<Entry>;
  mlsd(path?: string, options?: MlsdOptions): RetrStream<Entry>;
  mlst(path: string): Promise<Entry>;
  mkd(dir: string): Promise<string>;
  rmd(dir: string): Promise<Reply>;
  delete(path: string): Promise<Reply>;
  rename(from: string, to: string): Promise<Reply>;
  size(path: string): Promise<number>;
  mdtm(path: string): Promise<Date>;
  mfmt(path: string, date: Date): Promise<Reply>;
  feat(): Promise<Map<string, string>>;
  hash(path: string, algorithm?: string): Promise<string>;
}

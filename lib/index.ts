export { FTP } from './ftp';
export type { FTPEvents } from './client';
export type { RetryEvent, RetryOptions } from './healing/backoff';
export type { HashAlgorithm } from './healing/digest';
export type { Filter } from './bulk/filter';
export { get, type GetOptions, type GetResult } from './bulk/get';
export { hash } from './bulk/hash';
export { mirror, type MirrorOptions, type RemotePlace } from './bulk/mirror';
export { FTPPool, type FTPPoolOptions } from './bulk/pool';
export { progress, type ProgressListener, type ProgressOptions, type ProgressStream } from './bulk/progress';
export type { Progress } from './bulk/progress-meter';
export { put, type PutOptions, type PutResult } from './bulk/put';
export type { PutSource } from './bulk/put-source';
export type { Remote } from './bulk/remote';
export { throttle, type Throttle } from './bulk/throttle';
export { downloadTree } from './bulk/tree-download';
export type { Overwrite, TreeOptions, TreeResult } from './bulk/tree-options';
export type { TreeStream } from './bulk/tree-stream';
export { uploadTree } from './bulk/tree-upload';
export { SegmentedStream } from './bulk/segments';
export type { Verify } from './healing/verify';
export { walk, type Unreadable, type Walk, type WalkOptions } from './bulk/walk';
export type { WalkEntry } from './bulk/walk-entry';
export type { ConnectionRequest, FTPOptions } from './options';
export type { Codec, Encoding } from './control/encoding';
export { Reply, type ReplyKind } from './control/reply';
export { ReplyParser } from './control/reply-parser';
export { parse150, parse257 } from './control/reply-text';
export { parse227, parse229 } from './data/host-port';
export { RetrStream, type RetrOptions } from './data/retr-stream';
export { StorStream, type StorOptions } from './data/stor-stream';
export type { ListOptions } from './data/list-plan';
export type { MlsdOptions } from './data/mlsd-plan';
export { rawNameOf, type Entry, type EntryType, type Facts } from './listing/entry';
export type { ListFormatName } from './listing/format';
export type { ListParserOptions } from './listing/list-decoder';
export { ListParser } from './listing/list-parser';
export { parseList } from './listing/parse-list';
export { ftpcp } from './ftpcp';
export { netrc, type Netrc, type NetrcEntry, NetrcParseError } from './netrc';
export { open } from './open';
export {
  AbortedError,
  allErrors,
  ArgumentError,
  ChangedError,
  ConnectionClosedError,
  FTPError,
  type FTPErrorDetails,
  isFTPError,
  LimitError,
  MismatchError,
  PermanentError,
  type Phase,
  ProtocolError,
  ReplyError,
  SecurityError,
  TemporaryError,
  TimeoutError,
  TransferError,
  UnsupportedError,
} from './errors';

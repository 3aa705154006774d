export { FTP } from './client/ftp';
export type { FTPEvents } from './client/ftp';
export type { RetryEvent, RetryOptions } from './transfer/retry';
export type { HashAlgorithm } from './transfer/verify';
export type { Filter } from './bulk/filter';
export { get, type GetOptions, type GetResult } from './bulk/get';
export { hash } from './client/verbs';
export { mirror, type MirrorOptions, type RemotePlace } from './bulk/mirror';
export { FTPPool, type FTPPoolEvents, type FTPPoolOptions } from './client/pool';
export { progress, type ProgressListener, type ProgressOptions, type ProgressStream } from './bulk/progress';
export type { Progress } from './bulk/progress';
export { put, type PutOptions, type PutResult } from './bulk/put';
export type { PutSource } from './bulk/put';
export type { Remote } from './bulk/remote';
export { throttle, type Throttle } from './bulk/throttle';
export { downloadTree } from './bulk/tree-download';
export type { Overwrite, TreeOptions, TreeResult } from './bulk/tree-options';
export type { TreeStream } from './bulk/tree-run';
export { uploadTree } from './bulk/tree-upload';
export { SegmentedStream, type SegmentedDownload, type SegmentedEvents } from './bulk/segments';
export type { Verify } from './transfer/verify';
export { walk, type Unreadable, type Walk, type WalkEvents, type WalkOptions } from './bulk/walk';
export type { WalkEntry } from './bulk/listings';
export type { ConnectionRequest, FTPOptions } from './options';
export type { Codec, Encoding } from './encoding';
export { Reply, type ReplyKind } from './reply';
export { ReplyParser } from './control/reply-parser';
export { parse150, parse257 } from './control/reply-text';
export { parse227, parse229 } from './control/reply-text';
export type { ReadableEvents, TypedReadable } from './transfer/piped-readable';
export { RetrStream, type RetrEvents, type RetrOptions } from './transfer/retr-stream';
export { StorStream, type StorEvents, type StorOptions } from './transfer/stor-stream';
export type { ListOptions } from './transfer/list-plan';
export type { MlsdOptions } from './transfer/list-plan';
export { rawNameOf, type Entry, type EntryType, type Facts } from './listing/entry';
export type { ListFormatName } from './listing/format';
export type { ListParserOptions } from './listing/list-parser';
export { ListParser } from './listing/list-parser';
export { parseList } from './listing/list-parser';
export { ftpcp } from './client/ftpcp';
export { netrc, type Netrc, type NetrcEntry, NetrcParseError } from './netrc';
export { open } from './client/open';
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

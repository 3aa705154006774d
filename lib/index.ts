// What the package exports, by layers, from the clients down to the errors. The comments are the headings of API.md.

// Clients
export { FTP, type FTPEvents } from './client/ftp';
export { FTPPool, type FTPPoolEvents, type FTPPoolOptions } from './client/pool';
export { ftpcp } from './client/ftpcp';
export { open } from './client/open';
export { hash } from './client/verbs';

// Files and trees
export { get, type GetOptions, type GetResult } from './bulk/get';
export { put, type PutOptions, type PutResult, type PutSource } from './bulk/put';
export { downloadTree } from './bulk/tree-download';
export { uploadTree } from './bulk/tree-upload';
export type { Compare, Modes, Overwrite, TreeOptions, TreeResult } from './bulk/tree-options';
export type { TreeStream } from './bulk/tree-run';
export { mirror, type MirrorOptions, type RemotePlace } from './bulk/mirror';
export { walk, type Unreadable, type Walk, type WalkEvents, type WalkOptions } from './bulk/walk';
export { watch, type Watch, type WatchEvents, type WatchedFile, type WatchLook, type WatchOptions, type WatchState } from './bulk/watch';
export type { WalkEntry } from './bulk/listings';
export type { Filter } from './bulk/filter';
export { SegmentedStream, type SegmentedDownload, type SegmentedEvents } from './bulk/segments';
export { progress, type FileProgress, type Progress, type ProgressEvents, type ProgressListener, type ProgressOptions, type ProgressStream } from './bulk/progress';
export { throttle, type Throttle } from './bulk/throttle';
export type { Remote } from './bulk/remote';

// Streams and their options
export { RetrStream, type RetrEvents, type RetrOptions } from './transfer/retr-stream';
export { StorStream, type StorEvents, type StorOptions } from './transfer/stor-stream';
export type { ListOptions, MlsdOptions } from './transfer/list-plan';
export type { RetryEvent, RetryOptions } from './transfer/retry';
export type { HashAlgorithm, Verify } from './transfer/verify';

// Listings
export { ListParser, type ListParserEvents, type ListParserOptions, parseList } from './listing/list-parser';
export { type Entry, type EntryType, type Facts, rawNameOf } from './listing/entry';
export type { ListFormatName } from './listing/format';

// Replies
export { ReplyParser } from './control/reply-parser';
export { parse150, parse227, parse229, parse257 } from './control/reply-text';

// Options and types
export type { ConnectionRequest, FolderOptions, FTPOptions, VerbOptions } from './options';
export type { Codec, Encoding } from './encoding';
export { Reply, type ReplyKind } from './reply';
export type { CommandMessage, ConnectionMessage, ConnectionNumbers, TransferMessage } from './diagnostics';
export type { ReadableEvents, TransformEvents, TypedReadable, TypedTransform } from './typed-streams';
export { parseFTPURL, type ParsedURL } from './url';
export { netrc, type Netrc, type NetrcEntry, NetrcParseError } from './netrc';
// Errors
export {
  AbortedError, allErrors, ArgumentError, ChangedError, ConnectionClosedError, FTPError, type FTPErrorDetails, isFTPError, LimitError, MismatchError, PermanentError,
  type Phase, ProtocolError, RemovalError, type RemovalFailure, ReplyError, SecurityError, TemporaryError, TimeoutError, TransferError, UnsupportedError,
} from './errors';

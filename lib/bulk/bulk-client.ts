import { Client } from '../client';
import { get, type GetOptions, type GetResult } from './get';
import { put, type PutOptions, type PutResult } from './put';
import type { PutSource } from './put-source';
import type { Remote } from './remote';
import { downloadTree } from './tree-download';
import type { TreeOptions } from './tree-options';
import type { TreeStream } from './tree-stream';
import { uploadTree } from './tree-upload';
import { walk, type Walk, type WalkOptions } from './walk';

/** Bulk work as verbs of a client: the functions of the same names do it. */
export abstract class BulkClient extends Client {
  /** All that is in a folder and below, as a Readable of entries with their paths: see the function `walk`. */
  walk(this: Remote, path?: string, options?: WalkOptions): Walk {
    return walk(this, path, options);
  }

  /** Downloads a folder and all that is in it, as a Readable of results: see the function `downloadTree`. */
  downloadTree(this: Remote, remotePath: string, localPath: string, options?: TreeOptions): TreeStream {
    return downloadTree(this, remotePath, localPath, options);
  }

  /** Uploads a folder and all that is in it, as a Readable of results: see the function `uploadTree`. */
  uploadTree(this: Remote, localPath: string, remotePath: string, options?: TreeOptions): TreeStream {
    return uploadTree(this, localPath, remotePath, options);
  }

  /** Downloads into a local file, going on after losses: see the function `get`. */
  get(this: Remote, path: string, local: string, options?: GetOptions): Promise<GetResult> {
    return get(this, path, local, options);
  }

  /** Uploads what can be read again, going on after losses: see the function `put`. */
  put(this: Remote, source: PutSource, path: string, options?: PutOptions): Promise<PutResult> {
    return put(this, source, path, options);
  }
}

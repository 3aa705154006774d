import { ArgumentError } from '../errors';
import type { Remote } from './remote';
import { downloads } from './tree-download';
import { treeSettings, type TreeOptions } from './tree-options';
import type { TreeStream } from './tree-stream';
import { uploads } from './tree-upload';

/** A folder on a server. */
export interface RemotePlace {
  /** A client or a pool. */
  readonly client: Remote;
  readonly path: string;
}

/** What is mirrored, and how; one side is a local path. */
export interface MirrorOptions extends TreeOptions {
  readonly from: string | RemotePlace;
  readonly to: string | RemotePlace;
}

/**
 * Makes one folder like another, up or down: what has another size or time is transferred, with its time, so that a second
 * mirror transfers nothing. With `delete` also what the source does not have goes. For the rest, it is `downloadTree` or
 * `uploadTree`.
 *
 * @throws ArgumentError
 */
export function mirror({ from, to, ...options }: MirrorOptions): TreeStream {
  const defaults = { overwrite: 'changed', preserveTimes: true } as const;
  if (typeof from !== 'string' && typeof to === 'string') {
    return downloads(clientOf(from), from.path, to, treeSettings(options, defaults, from.client));
  }
  if (typeof from === 'string' && typeof to !== 'string') {
    return uploads(clientOf(to), from, to.path, treeSettings(options, defaults, to.client));
  }
  throw new ArgumentError('one of from and to must be a local path, the other { client, path }');
}

function clientOf(place: RemotePlace | undefined): Remote {
  if (typeof place?.client?.list !== 'function') throw new ArgumentError('a remote place must be { client, path }');
  return place.client;
}

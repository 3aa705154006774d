import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../options';
import type { Remote } from './remote';
import { downloads } from './tree-download';
import { TREE_OPTIONS, treeSettings, type TreeOptions } from './tree-options';
import type { TreeStream } from './tree-run';
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

const PLACE: OptionNames<RemotePlace> = { client: true, path: true };
const MIRROR_OPTIONS: OptionNames<MirrorOptions> = { from: true, to: true, ...TREE_OPTIONS };

/**
 * Makes one folder like another, up or down: what has another size or time is transferred, with its time, so that a second
 * mirror transfers nothing. With `delete` also what the source does not have goes. For the rest, it is `downloadTree` or
 * `uploadTree`.
 *
 * @throws ArgumentError
 */
export function mirror(all: MirrorOptions): TreeStream {
  checkNames(all, MIRROR_OPTIONS);
  const { from, to, ...options } = all;
  const defaults = { overwrite: 'changed', preserveTimes: true } as const;
  if (typeof from !== 'string' && typeof to === 'string') {
    return downloads(clientOf('from', from), from.path, to, treeSettings(options, defaults, from.client));
  }
  if (typeof from === 'string' && typeof to !== 'string') {
    return uploads(clientOf('to', to), from, to.path, treeSettings(options, defaults, to.client));
  }
  throw new ArgumentError('one of from and to must be a local path, the other { client, path }');
}

function clientOf(name: 'from' | 'to', place: RemotePlace | undefined): Remote {
  if (typeof place?.client?.list !== 'function') throw new ArgumentError('a remote place must be { client, path }');
  checkNames(place, PLACE, `${name}.`);
  return place.client;
}

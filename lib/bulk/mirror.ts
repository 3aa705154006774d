import { ArgumentError } from '../errors';
import { checkNames, type OptionNames } from '../options';
import type { Remote } from './remote';
import { downloads } from './tree-download';
import { TREE_OPTIONS, treeSettings, type TreeOptions } from './tree-options';
import type { TreeStream } from './tree-run';
import { uploads } from './tree-upload';

/** A folder on a server: one side of a `mirror`. */
export interface RemotePlace {
  /** A client or a pool. */
  readonly client: Remote;
  /** The path of the folder; empty for the working folder. */
  readonly path: string;
}

/** The options of `mirror`: its two sides, of which one is a local path, and the options of trees. */
export interface MirrorOptions extends TreeOptions {
  /** The source: a local path, or a folder on a server. */
  readonly from: string | RemotePlace;
  /** The target, which becomes like the source. */
  readonly to: string | RemotePlace;
}

const PLACE: OptionNames<RemotePlace> = { client: true, path: true };
const MIRROR_OPTIONS: OptionNames<MirrorOptions> = { from: true, to: true, ...TREE_OPTIONS };

/**
 * Makes a local folder like one on a server, or the reverse, and returns a Readable with a TreeResult for each file and folder. Files of another size
 * or time are transferred with their times, so that a second mirror transfers nothing; `delete` removes what the source does not have. Nothing
 * happens before it is read. It is `downloadTree` or `uploadTree` with the defaults `overwrite: 'changed'` and `preserveTimes: true`.
 *
 * @throws ArgumentError unless one side is a local path and the other `{ client, path }`, and for options that are not known or out of range
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

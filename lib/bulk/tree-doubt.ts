import { TransferError } from '../errors';
import type { TreeResult } from './tree-options';
import { Job } from './tree-run';
import type { FolderListing } from './walk-listing';
import type { Folder } from './walk-pending';

/** The lines of a listing that nobody can read, as results. */
export function* unreadable({ path }: Folder, listing: FolderListing): Generator<TreeResult> {
  if (listing.hasLines) for (const { error } of listing.takeLines()) yield new Job('other', path).failed(error);
}

/** Why something is not put where something else is. */
export function inTheWay(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and \`delete\` is not set`);
}

/** Why it is not with `delete` either. */
export function inDoubt(path: string, what: 'file' | 'folder'): Error {
  return new TransferError(`${path}: a ${what} is in its place, and is not deleted, as the listing of its folder could not be read whole, or may be of another folder`);
}

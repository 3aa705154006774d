import { expect } from 'chai';
import type { TreeResult } from '../../lib/bulk/tree-options';

/** What was done, sorted, skipped folders apart. */
export function told(list: readonly TreeResult[]): string[] {
  return list.filter(({ action, type }) => action !== 'skipped' || type !== 'directory').map(({ action, path, reason }) => `${action} ${path}${reason ? ` (${reason})` : ''}`).sort();
}

/** What a promise rejects with, be it ours, the file system's or Node's. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => expect.fail('should have failed'), (error: unknown) => error);
}

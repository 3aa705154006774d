import { join } from 'node:path';

/** This folder's sources: the programs run from `dist`, where the compiler has put them. */
export const SOURCES = join(__dirname, '../../..');

/** Where the sources of `spec` and `lib` are. */
export const ROOT = join(SOURCES, '../..');

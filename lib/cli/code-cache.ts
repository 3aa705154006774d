// Compiling the library takes half of the time in which `ftplib ls` is done. So V8's code of all functions that a command has used is kept, and the next
// run of that command begins with it. Node's own cache of compiled modules (module.enableCompileCache, from 22.1 on) keeps only what has run before
// anything is called, and it lies in the folder for temporary files, where another user of the machine may put something.
//
// Whoever can write such a file decides what runs. It lies in the user's own folder for caches, is not read if it belongs to somebody else, and nothing is
// written into a home of somebody else, as that which sudo may leave. Without such a folder, or with NODE_DISABLE_COMPILE_CACHE=1, each run compiles.

import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';

/** The first line of a module that the build has joined, a script whose value is a function of `require`: the hash of the rest. V8 itself compares lengths only. */
const KEY = /^\/\/ ([\da-f]{64})\n/;

/** Everybody else may not write. */
const OTHERS_WRITE = 0o022;

/**
 * Loads a module that the build has joined, with the code that is kept of it; any other one as `require` does.
 *
 * @param name what the module is used for: each use has code of its own
 * @param load the `require` of the module
 */
export function loadKept<T>(file: string, name: string, load: (module: string) => unknown): T {
  const text = readFileSync(file, 'latin1'); // the build leaves ASCII only
  const [, key] = KEY.exec(text) ?? [];
  if (key === undefined) return load(file) as T;
  const target = placeFor(name);
  const cachedData = target === undefined ? undefined : kept(target, key);
  const script = new Script(text, { filename: file, ...(cachedData ? { cachedData } : {}) });
  const module = (script.runInThisContext() as (require: typeof load) => T)(load);
  if (target !== undefined && (!cachedData || script.cachedDataRejected)) process.once('exit', (code) => code === 0 && keep(target, key, script));
  return module;
}

/** Where the code for a use of this Node is kept. */
function placeFor(name: string): string | undefined {
  const { env, platform, version, versions, arch } = process;
  if (env['NODE_DISABLE_COMPILE_CACHE'] || 'bun' in versions || 'deno' in versions) return undefined;
  const caches = platform === 'win32' ? env['LOCALAPPDATA'] : (env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '', platform === 'darwin' ? 'Library/Caches' : '.cache'));
  return caches !== undefined && isAbsolute(caches) ? join(caches, 'ftplib', `${name}-${version}-${platform}-${arch}`) : undefined;
}

function kept(target: string, key: string): Buffer | undefined {
  try {
    const file = openSync(target, 'r');
    try {
      const { uid, mode } = fstatSync(file);
      if (!isOurs(uid) || (process.platform !== 'win32' && (mode & OTHERS_WRITE) !== 0)) return undefined;
      const all = readFileSync(file);
      const end = all.length - key.length;
      return all.toString('latin1', end) === key ? all.subarray(0, end) : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // nothing is kept yet, or it cannot be read
  }
}

/**
 * Keeps what V8 has compiled by now; a run at the same time reads the old file or the new one, and so does one after a power cut: V8 crashes over a
 * file with a hole. What cannot be kept makes the next run no faster.
 */
function keep(target: string, key: string, script: Script): void {
  const fresh = `${target}.${process.pid}`;
  try {
    if (!isOurs(statSync(process.env['XDG_CACHE_HOME'] || process.env['HOME'] || '.').uid)) return;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(fresh, Buffer.concat([script.createCachedData(), Buffer.from(key)]), { flag: 'wx', mode: 0o600, flush: true });
    renameSync(fresh, target);
  } catch {
    discard(fresh);
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // its folder is none
  }
}

function isOurs(uid: number): boolean {
  return process.geteuid === undefined || process.geteuid() === uid;
}

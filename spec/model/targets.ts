import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConnectionClosedError, FTPError, ProtocolError, ReplyError, TimeoutError, TransferError, type FTPOptions } from '../../lib/index';
import { optionsOf, realServers, type RealServer } from '../servers/servers';
import type { Naming } from '../support/server/deviations';
import { FtpServer } from '../support/server/ftp-server';
import { PERSONALITIES, type Personality } from '../support/server/personalities';
import { FEATURES } from '../support/server/server-options';
import type { Session } from './steps';
import { World, type Node } from './world';

/** What the model must know of a server. */
export interface ServerFacts {
  readonly naming: Naming | undefined;
  /** What STOR after REST makes of a file: the bytes after the new ones stay, or are cut off; the head becomes zeros; or it is written anew. */
  readonly restart: 'keeps' | 'cuts' | 'zeros' | 'ignored';
  /** What lists a folder that is not there as an empty one. */
  readonly emptyIfMissing: readonly ('list' | 'nlst' | 'mlsd' | 'dir')[];
  /** An upload that is interrupted may leave nothing at all, not even what was there before. */
  readonly mayRemove: boolean;
  readonly rename: 'over' | 'only new' | 'never';
  /** NLST, MLSD and LIST of an empty folder are refused. */
  readonly refusesEmptyFolder: boolean;
  /** Its listings have nothing to do with the path. */
  readonly listsAnything: boolean;
  readonly mlsd: boolean;
  readonly size: boolean;
  readonly hash: boolean;
  readonly stou: boolean;
  /** The mark of a download says how long it is. */
  readonly announces: boolean;
  /** An upload that was reset leaves no trace. */
  readonly keepsWholeOnly: boolean;
  /** Several sessions at a time do not disturb each other. */
  readonly sessions: boolean;
  /** A command during a transfer ends the session, and a NOOP is one. */
  readonly closesDuringTransfer: boolean;
  /** Its replies and the commands are not in step: it leaves commands out, changes their order, or says what nobody has asked for. A client finds that out by a reply that is missing, or another's, and any operation may fail by it. */
  readonly outOfStep: boolean;
  /** After a handshake on a data connection was cut it resumes no TLS session of that control connection any more, and one that was made by hand is kept. */
  readonly refusesAfterCut: boolean;
  /** It forgets connections, and then never answers: what times out on it is counted, and is no finding. */
  readonly losesReplies: boolean;
}

/** Whether a failure is the server's own doing, so that it may be there though nothing interfered. What succeeds must be right all the same. */
export function isServersOwn(error: unknown, { outOfStep, refusesAfterCut }: ServerFacts, { client }: Session): boolean {
  // A refusal does not show which of several commands it answers, nor does a 200, nor a 226 which transfer has ended.
  if (outOfStep && [TimeoutError, ProtocolError, ConnectionClosedError, ReplyError, TransferError].some((kind) => error instanceof kind)) return true;
  return refusesAfterCut && client === 'by hand' && error instanceof FTPError && error.reply?.code === 425;
}

/** One side's files as they are, past the server. */
export interface Disk {
  snapshot(): World;
  write(path: string, node: Node): void;
  remove(path: string): void;
}

/** A server with a folder for one run. */
export interface Stage {
  readonly options: FTPOptions;
  /** The folder as the server names it. */
  readonly root: string;
  readonly disk: Disk;
  close(): Promise<void>;
}

/** A server that the model can be run against. */
export interface Target {
  readonly name: string;
  readonly facts: ServerFacts;
  /** A new, empty folder on it. */
  open(run: string): Promise<Stage>;
}

const USUAL: ServerFacts = {
  naming: undefined, restart: 'keeps', emptyIfMissing: [], mayRemove: false, rename: 'over', refusesEmptyFolder: false, listsAnything: false, mlsd: true, size: true, hash: false, stou: true,
  announces: true, keepsWholeOnly: false, sessions: true, closesDuringTransfer: false, outOfStep: false, refusesAfterCut: false, losesReplies: false,
};

/** The programs that the model is run against, plain and in TLS. */
const REAL = ['vsftpd-plain', 'vsftpd-reuse', 'proftpd-plain', 'proftpd-tls', 'pureftpd-plain', 'pureftpd-req', 'pyftpdlib-plain', 'pyftpdlib-req'] as const;

/**
 * All targets (the relay is on 127.0.0.1), or those whose names begin so, or the one that has exactly that name, or what a list with commas says; the
 * real servers as the specs have them: those that are up, or all where they are required.
 */
export function targets(beginning = ''): readonly Target[] {
  if (beginning.includes(',')) return beginning.split(',').flatMap((each) => targets(each));
  const real = realServers().filter(({ name }) => (beginning === '' ? (REAL as readonly string[]).includes(name) : name.startsWith(beginning) && !name.endsWith('-v6'))).map(realTarget);
  const embedded = [embeddedTarget('embedded', {}), ...DEVIATIONS.map(([name, personality]) => embeddedTarget(name, personality))];
  const chosen = [...real, ...embedded.filter(({ name }) => name.startsWith(beginning))];
  const exact = chosen.find(({ name }) => name === beginning);
  return exact ? [exact] : chosen;
}

/** Servers that depart from the rules in one way each. Those that are like a server in all that it does, its wording too, have the contract. */
const DEVIATIONS = Object.entries<Personality>(PERSONALITIES).filter(([, { wording }]) => wording === undefined);

function realTarget(server: RealServer): Target {
  const { family } = server;
  const facts: ServerFacts = {
    ...USUAL,
    restart: server.can.restStor ? 'keeps' : 'cuts',
    emptyIfMissing: family === 'vsftpd' ? ['list', 'nlst', 'dir'] : family === 'pyftpdlib' ? [] : ['dir'],
    mayRemove: family === 'pureftpd', // where TLS on the data connection comes to nothing
    mlsd: server.can.mlsd,
    hash: family === 'proftpd' || family === 'gridftp',
    stou: server.can.stou && family !== 'pureftpd', // its next APPE empties the file
    announces: family === 'vsftpd' || family === 'proftpd',
    // pyftpdlib 1.5.7 forgets sockets: when one is closed within a TLS handshake, or while it is being connected or accepted, another that has its number is no longer polled.
    sessions: family !== 'pyftpdlib' || server.tls === 'none',
    refusesAfterCut: server.name.startsWith('proftpd-reuse'),
    losesReplies: family === 'pyftpdlib',
  };
  return {
    name: server.name,
    facts,
    async open(run) {
      const folder = join(server.home, run);
      const disk = new LocalDisk(folder, server.home);
      disk.make();
      return { options: optionsOf(server), root: join(server.login, run), disk, close: async () => disk.clear() };
    },
  };
}

function embeddedTarget(name: string, personality: Personality, features?: readonly string[]): Target {
  const { names, restart, missingFolder, emptyFolder, renames, lacks, listings, mark, brokenUpload, brokenTransfer, duringTransfer, packets } = personality;
  const facts: ServerFacts = {
    ...USUAL,
    naming: names,
    restart: restart === 'ignored' ? 'ignored' : restart === 'truncates' ? 'zeros' : 'keeps',
    emptyIfMissing: missingFolder ? ['list', 'nlst', 'mlsd', 'dir'] : [],
    rename: lacks?.includes('RNFR') ? 'never' : renames ? 'only new' : 'over',
    refusesEmptyFolder: emptyFolder !== undefined,
    listsAnything: listings !== undefined,
    mlsd: !lacks?.includes('MLSD'),
    size: !lacks?.includes('SIZE'),
    hash: name === 'embedded',
    announces: mark === undefined,
    keepsWholeOnly: brokenUpload !== undefined,
    closesDuringTransfer: duringTransfer === 'closed',
    outOfStep: packets !== undefined || brokenTransfer !== undefined,
  };
  const own = name === 'embedded' ? { features: [...FEATURES, 'HASH SHA-256*;SHA-1', 'XCRC'] } : features ? { features } : {};
  return {
    name,
    facts,
    async open(run) {
      const server = await FtpServer.start({ files: { [`/${run}/`]: '' }, acceptTimeout: 2000, ...personality, ...own });
      const options = { host: server.host, port: server.port, user: 'user', password: 'secret' };
      return { options, root: `/${run}`, disk: new EmbeddedDisk(server, `/${run}`, names), close: () => server.close() };
    },
  };
}

/** A folder of this machine. */
export class LocalDisk implements Disk {
  /** @param owner what is made belongs to who owns that */
  constructor(
    readonly root: string,
    private readonly owner?: string,
  ) {}

  make(): void {
    mkdirSync(this.root, { recursive: true });
    this.#give(this.root);
  }

  clear(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  snapshot(): World {
    const world = new World();
    const read = (folder: string): void => {
      for (const entry of readdirSync(join(this.root, folder), { withFileTypes: true })) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        try {
          world.set(path, entry.isDirectory() ? 'folder' : readFileSync(join(this.root, path)));
          if (entry.isDirectory()) read(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // gone since the folder was read
        }
      }
    };
    read('');
    return world;
  }

  write(path: string, node: Node): void {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    if (node === 'folder') mkdirSync(full, { recursive: true });
    else writeFileSync(full, node);
    for (let each = full; each.length > this.root.length; each = dirname(each)) this.#give(each);
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
  }

  #give(path: string): void {
    if (this.owner === undefined || process.getuid?.() !== 0) return;
    const { uid, gid } = statSync(this.owner);
    chownSync(path, uid, gid);
  }
}

/** A folder of the embedded server. */
class EmbeddedDisk implements Disk {
  constructor(
    private readonly server: FtpServer,
    private readonly root: string,
    private readonly naming: Naming | undefined,
  ) {}

  snapshot(): World {
    const world = new World(this.naming);
    for (const [path, node] of this.server.files) {
      if (path.startsWith(`${this.root}/`)) world.set(path.slice(this.root.length + 1), node.kind === 'directory' ? 'folder' : Buffer.from(this.server.read(path)));
    }
    return world;
  }

  write(path: string, node: Node): void {
    const full = `${this.root}/${path}`;
    if (node === 'folder') this.server.write(`${full}/`, '');
    else this.server.write(full, Buffer.from(node));
  }

  remove(path: string): void {
    this.server.files.delete(`${this.root}/${path}`);
  }
}

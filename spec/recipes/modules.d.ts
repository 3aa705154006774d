// What the recipes use of the packages in package.json, so that they compile where these are not installed.

declare module 'busboy' {
  import type { IncomingHttpHeaders } from 'node:http';
  import type { Readable, Writable } from 'node:stream';

  function busboy(options: { headers: IncomingHttpHeaders }): Writable & { on(event: 'file', listener: (field: string, file: Readable, info: { filename: string }) => void): unknown };
  export = busboy;
}

declare module 'yazl' {
  import type { EventEmitter } from 'node:events';
  import type { Readable } from 'node:stream';

  export class ZipFile extends EventEmitter {
    readonly outputStream: Readable;
    addReadStreamLazy(path: string, options: { mtime?: Date | undefined }, open: (callback: (error: Error | null, stream: Readable) => void) => void): void;
    end(): void;
  }
}

declare module 'basic-ftp' {
  import type { Readable, Writable } from 'node:stream';

  export class FileInfo {
    name: string;
    size: number;
    modifiedAt?: Date;
    isDirectory: boolean;
    isFile: boolean;
  }
  export class FTPError extends Error {
    code: number;
  }
  export class Client {
    constructor(timeout?: number);
    ftp: { verbose: boolean; log(message: string): void };
    readonly closed: boolean;
    access(options: { host?: string; port?: number; user?: string; password?: string; secure?: boolean | 'implicit'; secureOptions?: object }): Promise<unknown>;
    send(command: string): Promise<{ code: number; message: string }>;
    features(): Promise<Map<string, string>>;
    pwd(): Promise<string>;
    cd(path: string): Promise<unknown>;
    cdup(): Promise<unknown>;
    lastMod(path: string): Promise<Date>;
    size(path: string): Promise<number>;
    rename(from: string, to: string): Promise<unknown>;
    remove(path: string, ignoreErrorCodes?: boolean): Promise<unknown>;
    trackProgress(handler?: (info: { name: string; bytes: number; bytesOverall: number }) => void): void;
    uploadFrom(source: Readable | string, path: string, options?: { localStart?: number }): Promise<unknown>;
    appendFrom(source: Readable | string, path: string, options?: { localStart?: number }): Promise<unknown>;
    downloadTo(target: Writable | string, path: string, startAt?: number): Promise<unknown>;
    list(path?: string): Promise<FileInfo[]>;
    removeDir(path: string): Promise<void>;
    removeEmptyDir(path: string): Promise<unknown>;
    clearWorkingDir(): Promise<void>;
    uploadFromDir(local: string, path?: string): Promise<void>;
    downloadToDir(local: string, path?: string): Promise<void>;
    ensureDir(path: string): Promise<void>;
    close(): void;
  }
}

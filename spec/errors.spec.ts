import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as ts from 'typescript';
import { Reply } from '../lib/reply';
import {
  AbortedError, allErrors, annotate, ArgumentError, ChangedError, ConnectionClosedError, copyOf, FTPError, isFTPError, LimitError, MismatchError,
  PermanentError, ProtocolError, RemovalError, ReplyError, SecurityError, TemporaryError, TimeoutError, TransferError, UnsupportedError,
} from '../lib/errors';
import { NetrcParseError } from '../lib/netrc';
import { CLOSED_PORT } from './support/client';

describe('errors', () => {
  const kinds: [typeof FTPError, string][] = [
    [FTPError, 'ERR_FTP'], [ReplyError, 'ERR_FTP_REPLY'], [TemporaryError, 'ERR_FTP_TEMPORARY'], [PermanentError, 'ERR_FTP_PERMANENT'],
    [ProtocolError, 'ERR_FTP_PROTOCOL'], [ConnectionClosedError, 'ERR_FTP_CONNECTION_CLOSED'], [TimeoutError, 'ERR_FTP_TIMEOUT'],
    [TransferError, 'ERR_FTP_TRANSFER'], [AbortedError, 'ERR_FTP_ABORTED'], [SecurityError, 'ERR_FTP_SECURITY'],
    [LimitError, 'ERR_FTP_LIMIT'], [ArgumentError, 'ERR_FTP_INVALID_ARGUMENT'], [MismatchError, 'ERR_FTP_MISMATCH'],
    [ChangedError, 'ERR_FTP_CHANGED'], [UnsupportedError, 'ERR_FTP_UNSUPPORTED'], [RemovalError, 'ERR_FTP_REMOVAL'],
  ];

  for (const [Kind, code] of kinds) {
    it(`${Kind.name} is an FTPError with the code ${code} and its own name`, () => {
      const error = new Kind('what was tried');
      expect(error).to.be.instanceOf(FTPError).and.instanceOf(Error);
      expect(error).to.include({ code, name: Kind.name, message: 'what was tried' });
      expect(isFTPError(error)).to.equal(true);
    });
  }

  it('4yz and 5yz are ReplyErrors, so that one handler takes every refusal', () => {
    expect(new TemporaryError('')).to.be.instanceOf(ReplyError);
    expect(new PermanentError('')).to.be.instanceOf(ReplyError);
  });

  it('carries what is known and has no field for what is not', () => {
    const reply = new Reply(550, ['550 No']);
    const cause = new Error('below');
    const error = new PermanentError('RETR x: 550 No', { reply, command: 'RETR x', cause, bytesTransferred: 0, phase: 'command' });
    expect(error).to.include({ reply, command: 'RETR x', cause, bytesTransferred: 0, phase: 'command' });
    expect(Object.hasOwn(error, 'expectedBytes')).to.equal(false);
  });

  it('keeps the first word on where it failed', () => {
    const error = annotate(new TimeoutError('', { phase: 'login' }), { phase: 'data', bytesTransferred: 3 });
    expect(error).to.include({ phase: 'login', bytesTransferred: 3 });
  });

  it('are copied with all that they have, whatever their class is made of', () => {
    class Own extends FTPError {
      constructor(readonly what: { readonly deep: number }) {
        super(`own ${what.deep}`, { phase: 'login' });
      }
    }
    const cause = new Error('below');
    const failures = [{ path: 'a', error: cause }];
    for (const error of [new NetrcParseError('wrong', 'file', 3), new RemovalError('stays', { failures, cause }), new Own({ deep: 1 }), annotate(new TimeoutError('late', { cause }), { bytesTransferred: 1 })]) {
      const copy = copyOf(error);
      expect(copy).not.to.equal(error);
      expect(copy.constructor).to.equal(error.constructor);
      expect({ ...copy, message: copy.message, cause: copy.cause }).to.deep.equal({ ...error, message: error.message, cause: error.cause });
      expect(copy.stack).to.match(/^\w+: /).and.contain(error.message);
      expect(annotate(copy, { command: 'NOOP' }).command).to.equal('NOOP');
      expect(error.command).to.equal(undefined);
    }
    expect(copyOf(cause), 'to which nothing is added').to.equal(cause);
  });

  it('have names that outlive a minifier, which renames classes', () => {
    const { outputText } = ts.transpileModule(readFileSync(join(__dirname, '../lib/errors.ts'), 'utf8'), { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } });
    const names = kinds.map(([Kind]) => Kind.name);
    const minified = outputText.replace(/(?<![.'"\w])[A-Z]\w+Error(?!['"\w])/g, (name) => (names.includes(name) ? `x${names.indexOf(name)}` : name));
    const exported: Record<string, typeof FTPError> = {};
    new Function('exports', minified)(exported);
    for (const name of names) {
      const Kind = exported[name] as typeof FTPError;
      expect(Kind.name).to.match(/^x\d+$/);
      expect(new Kind('what was tried').name).to.equal(name);
      expect(String(new Kind('what was tried'))).to.equal(`${name}: what was tried`);
    }
    expect(readFileSync(join(__dirname, '../lib/netrc.ts'), 'utf8')).to.contain("name: string = 'NetrcParseError'");
  });

  it('say their name in the stack and in logs once, and in JSON', () => {
    const error = new TimeoutError('what was tried', { phase: 'data' });
    expect(error.stack).to.match(/^TimeoutError: what was tried\n/);
    expect(inspect(error)).to.match(/^TimeoutError: what was tried\n/).and.not.contain('name:');
    expect(JSON.parse(JSON.stringify(error))).to.deep.equal({ name: 'TimeoutError', code: 'ERR_FTP_TIMEOUT', phase: 'data' });
    expect(new NetrcParseError('m', 'f', 1).name).to.equal('NetrcParseError');
  });

  it('can be extended: a kind of one’s own says its own name, or has its parent’s', () => {
    class Own extends TransferError {
      override readonly name = 'Own';
    }
    class Nameless extends TransferError {}
    expect(String(new Own('m'))).to.equal('Own: m');
    expect(new Nameless('m')).to.be.instanceOf(TransferError).and.include({ name: 'TransferError', code: 'ERR_FTP_TRANSFER' });
  });

  describe('isFTPError', () => {
    let folder: string;
    before(() => (folder = mkdtempSync(join(tmpdir(), 'errors-'))));
    after(() => rmSync(folder, { recursive: true }));

    const network: Record<string, () => Promise<Error> | Error> = {
      'connect ECONNREFUSED': async () => errorOf(net.connect(CLOSED_PORT, '127.0.0.1')),
      'connect ECONNREFUSED of a name with several addresses': async () => errorOf(net.connect({ port: CLOSED_PORT, host: 'localhost', autoSelectFamily: true })),
      'connect ENOENT of a socket in the file system': () => errorOf(net.connect(join(folder, 'missing'))),
      'bind EADDRNOTAVAIL': () => errorOf(net.connect({ port: 9, host: '127.0.0.1', localAddress: '192.0.2.1' })),
      'getaddrinfo ENOTFOUND': () => errorOf(net.connect(9, `${'x'.repeat(64)}.invalid`)),
      'listen EADDRINUSE': async () => {
        const first = net.createServer().listen(0, '127.0.0.1');
        await once(first, 'listening');
        const error = await errorOf(net.createServer().listen((first.address() as net.AddressInfo).port, '127.0.0.1'));
        first.close();
        return error;
      },
      'read ECONNRESET': () => betweenTwo((near, far) => {
        far.resetAndDestroy();
        return errorOf(near.resume());
      }),
      'write EPIPE': () => betweenTwo((near, far) => {
        near.on('end', () => near.write('once', () => setImmediate(() => near.write('and again')))).resume();
        far.destroy();
        return errorOf(near);
      }),
    };
    for (const [what, make] of Object.entries(network)) {
      it(`is true for ${what}`, async () => {
        const error = await make();
        expect(error, inspect(error)).to.have.property('code').that.equals(/E[A-Z]+/.exec(what)?.[0]);
        expect(allErrors.some((kind) => kind[Symbol.hasInstance](error)), inspect(error)).to.equal(true);
        expect(isFTPError(error)).to.equal(true);
      });
    }

    const files: Record<string, () => unknown> = {
      'open ENOENT': () => readFileSync(join(folder, 'missing')),
      'open ENOENT of a promise': () => readFile(join(folder, 'missing')),
      'read EISDIR': () => readFileSync(folder),
      'read EBADF': () => readSync(1_000_000, Buffer.alloc(1)),
      ...(process.platform === 'linux' ? { 'write ENOSPC': () => writeTo('/dev/full'), 'write EPIPE of a FIFO': () => writeToFifo(join(folder, 'fifo')) } : {}),
      'spawn ENOENT': () => execFileSync(join(folder, 'missing'), { stdio: 'ignore' }),
    };
    for (const [what, make] of Object.entries(files)) {
      it(`is false for ${what}`, async () => {
        const error: unknown = await Promise.resolve().then(make).then(() => undefined, (reason: unknown) => reason);
        expect(error).to.be.instanceOf(Error).with.property('code').that.equals(/[A-Z]{3,}/.exec(what)?.[0]);
        expect(isFTPError(error), inspect(error)).to.equal(false);
      });
    }
  });

  it('allErrors holds Node’s TLS and certificate errors', () => {
    for (const code of ['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_SSL_WRONG_VERSION_NUMBER']) {
      expect(isFTPError(Object.assign(new Error(code), { code })), code).to.equal(true);
    }
  });

  it('allErrors does not hold mistakes of the program', () => {
    for (const error of [new TypeError('x is not a function'), new RangeError(), Object.assign(new Error(), { code: 'ERR_INVALID_ARG_TYPE' }), 'text', undefined, null]) {
      expect(isFTPError(error)).to.equal(false);
    }
  });
});

function writeTo(path: string): void {
  const file = openSync(path, 'w');
  try {
    writeSync(file, 'x');
  } finally {
    closeSync(file);
  }
}

/** Its reader is gone. */
function writeToFifo(path: string): void {
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  closeSync(reader);
  try {
    writeSync(writer, 'x');
  } finally {
    closeSync(writer);
  }
}

function errorOf(emitter: NodeJS.EventEmitter): Promise<Error> {
  return new Promise((resolve) => emitter.once('error', resolve));
}

/** The two ends of a connection. */
async function betweenTwo<T>(act: (near: net.Socket, far: net.Socket) => Promise<T>): Promise<T> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [net.Socket];
  try {
    return await act(near, far);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
  }
}

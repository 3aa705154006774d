import { expect } from 'chai';
import * as net from 'node:net';
import { once } from 'node:events';
import { Reply } from '../lib/control/reply';
import {
  AbortedError, allErrors, annotate, ArgumentError, ChangedError, ConnectionClosedError, FTPError, isFTPError, LimitError, MismatchError,
  PermanentError, ProtocolError, ReplyError, SecurityError, TemporaryError, TimeoutError, TransferError, UnsupportedError,
} from '../lib/errors';

describe('errors', () => {
  const kinds: [typeof FTPError, string][] = [
    [FTPError, 'ERR_FTP'], [ReplyError, 'ERR_FTP_REPLY'], [TemporaryError, 'ERR_FTP_TEMPORARY'], [PermanentError, 'ERR_FTP_PERMANENT'],
    [ProtocolError, 'ERR_FTP_PROTOCOL'], [ConnectionClosedError, 'ERR_FTP_CONNECTION_CLOSED'], [TimeoutError, 'ERR_FTP_TIMEOUT'],
    [TransferError, 'ERR_FTP_TRANSFER'], [AbortedError, 'ERR_FTP_ABORTED'], [SecurityError, 'ERR_FTP_SECURITY'],
    [LimitError, 'ERR_FTP_LIMIT'], [ArgumentError, 'ERR_FTP_INVALID_ARGUMENT'], [MismatchError, 'ERR_FTP_MISMATCH'],
    [ChangedError, 'ERR_FTP_CHANGED'], [UnsupportedError, 'ERR_FTP_UNSUPPORTED'],
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

  it('allErrors holds Node’s socket errors', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    const [error] = (await once(net.connect(port, '127.0.0.1'), 'error', { signal: AbortSignal.timeout(5000) }).catch((e: Error) => [e])) as [Error];
    expect(allErrors.some((kind) => kind[Symbol.hasInstance](error))).to.equal(true);
    expect(isFTPError(error)).to.equal(true);
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

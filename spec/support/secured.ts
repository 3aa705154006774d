import { expect } from 'chai';
import { connect } from 'node:net';
import { SecurityError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import type { FTPOptions } from '../../lib/options';
import { failure, scene, tapped } from './client';
import { certificate } from './server/certificates';
import type { FtpServer } from './server/ftp-server';
import type { FtpServerOptions } from './server/server-options';
import type { TlsOptions } from './server/tls-options';
import { dissect, type Dissected } from './wire';

export const CA = certificate().cert;
export const CONTENT = 'protected content';
const FILES = { '/file': CONTENT };

/** How TLS begins, and its version: what must not make a difference. */
export interface Way {
  readonly mode: 'explicit' | 'implicit';
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  readonly title: string;
}

export const WAYS: readonly Way[] = (['explicit', 'implicit'] as const).flatMap((mode) =>
  (['TLSv1.2', 'TLSv1.3'] as const).map((version) => ({ mode, version, title: `${mode}, ${version}` })),
);

/** Servers with TLS and clients that ask for it, for each test of a suite. */
export class SecuredStage {
  readonly #stage = scene();
  readonly #sent = new WeakMap<FTP, Buffer[]>();

  /** A server with a file; explicit unless told otherwise. */
  serve(tls: Partial<TlsOptions> = {}, options: FtpServerOptions = {}): Promise<FtpServer> {
    return this.#stage.serve({ files: FILES, tls: { mode: 'explicit', ...certificate(), ...tls }, ...options });
  }

  /** A server that does TLS in one way only. */
  serveWay({ mode, version }: Way, tls: Partial<TlsOptions> = {}, options: FtpServerOptions = {}): Promise<FtpServer> {
    return this.serve({ mode, minVersion: version, maxVersion: version, ...tls }, options);
  }

  /** A client that trusts the server's certificate; what it sends on its control connection is kept. */
  client(server: FtpServer, options: FTPOptions = {}): FTP {
    const sent: Buffer[] = [];
    const secure = server.tls?.options.mode ?? 'explicit';
    const ftp = this.#stage.client(server, {
      secure,
      tls: { ca: CA },
      createConnection: ({ port, purpose }) => {
        const socket = connect({ host: server.host, port, allowHalfOpen: purpose === 'data', noDelay: true });
        return purpose === 'control' ? tapped(socket, sent) : socket;
      },
      ...options,
    });
    this.#sent.set(ftp, sent);
    return ftp;
  }

  /** What a client has written to its control connections, all of them. */
  sent(ftp: FTP): Dissected {
    return dissect(Buffer.concat(this.#sent.get(ftp) ?? []));
  }

  /** The login fails with SecurityError and the connection is closed: in the clear the client has sent these lines, in TLS nothing. */
  async refuses(server: FtpServer, ftp: FTP, lines: readonly string[]): Promise<SecurityError> {
    const error = await failure(ftp.login());
    expect(error).to.be.instanceOf(SecurityError).and.include({ code: 'ERR_FTP_SECURITY' });
    await server.deserted();
    expect(ftp.session.control).to.equal(undefined);
    const { clear, behind } = this.sent(ftp);
    expect(clear).to.equal(lines.map((line) => `${line}\r\n`).join(''));
    expect(behind.toString('latin1')).to.equal('');
    expect(server.commands.filter((line) => !isHandshake(line))).to.deep.equal(lines);
    return error;
  }
}

/** A server that expects lines takes a handshake for some. */
function isHandshake(line: string): boolean {
  return !/^[\x20-\x7e]+$/.test(line) || !/^[A-Z]{3,4}( |$)/.test(line);
}

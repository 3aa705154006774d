import { expect } from 'chai';
import { once } from 'node:events';
import { ArgumentError, ConnectionClosedError, FTP, FTPPool } from '../../lib/index';
import { failure } from '../support/client';
import { poolScene } from './pool-scene';

describe('a client and a pool', () => {
  const { stage, pool } = poolScene();

  it('are connected while there is a connection, and closed after quit() and close()', async () => {
    for (const end of ['quit', 'close'] as const) {
      const server = await stage.serve();
      for (const client of [stage.client(server), pool(server)]) {
        expect([client.connected, client.closed]).to.deep.equal([false, false]);
        const noop = client.noop();
        expect(client.connected).to.equal(false);
        await noop;
        expect([client.connected, client.closed]).to.deep.equal([true, false]);
        for (const session of server.sessions) session.control.hangUp();
        await once(client, 'close');
        expect([client.connected, client.closed]).to.deep.equal([false, false]);
        await client.noop();
        expect(client.connected).to.equal(true);
        await client[end]();
        expect([client.connected, client.closed]).to.deep.equal([false, true]);
        expect(await failure(client.noop())).to.be.instanceOf(ConnectionClosedError);
      }
    }
  });

  it('are connected before the login, where that is made by hand, and not closed once connect() was called again', async () => {
    const ftp = stage.client(await stage.serve());
    const greeting = ftp.connect();
    expect(ftp.connected).to.equal(false);
    await greeting;
    expect(ftp.connected).to.equal(true);
    ftp.close();
    expect(ftp.closed).to.equal(true);
    await ftp.connect();
    expect([ftp.connected, ftp.closed]).to.deep.equal([true, false]);
  });

  it('take a host, with or without a port, and a URL', () => {
    const cases: Record<string, [host: string, port: number]> = {
      'ftp.example.com': ['ftp.example.com', 21], localhost: ['localhost', 21], 'host:2121': ['host', 2121], '127.0.0.1:2121': ['127.0.0.1', 2121], '[::1]': ['::1', 21], '[::1]:2121': ['::1', 2121], '::1': ['::1', 21],
      'my_host': ['my_host', 21], 'ftp://host:2121/path': ['host', 2121], 'ftps://host': ['host', 990],
    };
    for (const [given, [host, port]] of Object.entries(cases)) {
      for (const { session } of [new FTP(given), new FTPPool(given)]) expect([session.settings.host, session.settings.port], given).to.deep.equal([host, port]);
    }
    for (const { session } of [new FTP(new URL('ftp://user:pw@host:2121/')), new FTPPool(new URL('ftp://user:pw@host:2121/'))]) expect([session.settings.host, session.settings.port, session.settings.user]).to.deep.equal(['host', 2121, 'user']);
  });

  it('refuse a text that is neither, and repeat no password', () => {
    for (const given of ['', ' ', 'a b', 'host:', 'host:port', 'host:0', 'host:99999', 'user:secret@host', 'secret@host:21', 'user:secret', 'host/path', 'http://secret:secret@host', ':21', '[::1', '::1]', '[]', 'host\nsecret:secret', 'host:21:secret', 'a:b:secret', 'ho\0st', 'ftp:host']) {
      for (const make of [() => new FTP(given), () => new FTPPool(given)]) expect(make, JSON.stringify(given)).to.throw(ArgumentError).with.property('message').that.does.not.include('secret');
    }
  });
});

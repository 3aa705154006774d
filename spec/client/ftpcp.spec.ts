import { expect } from 'chai';
import { once } from 'node:events';
import { ArgumentError, ConnectionClosedError, PermanentError, ProtocolError, TemporaryError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { ftpcp } from '../../lib/client/ftpcp';
import { failure, scene, type Scene } from '../support/client';
import { certificate } from '../support/server/certificates';
import type { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';
import { data, dataEnd, hangUp, receiveData, send } from '../support/server/steps';

const CONTENT = Buffer.alloc(300_000, 'server to server\r\n');

/** A server and a client that is connected to it. */
interface End {
  readonly server: FtpServer;
  readonly ftp: FTP;
}

describe('ftpcp', () => {
  const stage = scene();

  it('copies from server to server, and gives both final replies', async () => {
    const [one, other] = await ends(stage);
    const { source, target } = await ftpcp(one.ftp, 'file', other.ftp, 'copy');
    expect([source.code, target.code]).to.deep.equal([226, 226]);
    expect(other.server.read('/copy').equals(CONTENT)).to.equal(true);
    expect(one.server.commands.slice(-3)).to.deep.equal(['TYPE I', 'PASV', 'RETR file']);
    expect(other.server.commands.map((line) => line.split(' ')[0]).slice(-3)).to.deep.equal(['TYPE', 'PORT', 'STOR']);
    await usable(one, other);
  });

  it('refuses to copy what is protected, before anything is said of it, and copies it after protC()', async () => {
    const tls = { mode: 'explicit', ...certificate() } as const;
    const make = async (options: FtpServerOptions): Promise<End> => {
      const server = await stage.serve({ features: [], tls, ...options });
      return { server, ftp: await stage.connect(server, { secure: 'explicit', tls: { ca: tls.cert } }) };
    };
    const [one, other] = [await make({ files: { '/file': CONTENT } }), await make({})];
    expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.be.instanceOf(ArgumentError);
    expect([...one.server.commands, ...other.server.commands].filter((line) => line !== 'FEAT')).to.deep.equal([]);
    await Promise.all([one.ftp.protC(), other.ftp.protC()]);
    await ftpcp(one.ftp, 'file', other.ftp);
    expect(other.server.read('/file').equals(CONTENT)).to.equal(true);
    await usable(one, other);
  });

  it('copies back on the same connections, and keeps the name where none is given', async () => {
    const [one, other] = await ends(stage);
    await ftpcp(one.ftp, 'file', other.ftp);
    one.server.files.delete('/file');
    await ftpcp(other.ftp, 'file', one.ftp);
    expect(one.server.read('/file').equals(CONTENT)).to.equal(true);
    await usable(one, other);
  });

  it('connects the lazy', async () => {
    const [source, target] = [await stage.serve({ files: { '/file': CONTENT } }), await stage.serve()];
    await ftpcp(stage.client(source), 'file', stage.client(target));
    expect(target.read('/file').length).to.equal(CONTENT.length);
  });

  it('copies in TYPE A when told', async () => {
    const [one, other] = await ends(stage);
    one.server.write('/text', 'a\nb\n');
    await ftpcp(one.ftp, 'text', other.ftp, 'text', 'A');
    expect(String(other.server.read('/text'))).to.equal('a\nb\n');
    expect([...one.server.commands, ...other.server.commands].filter((line) => line === 'TYPE I')).to.deep.equal([]);
  });

  it('copies between IPv6 servers by EPSV and EPRT', async () => {
    const [one, other] = await ends(stage, { host: '::1' }, { host: '::1' });
    await ftpcp(one.ftp, 'file', other.ftp);
    expect(one.server.commands).to.include('EPSV');
    expect(other.server.commands.find((line) => line.startsWith('EPRT'))).to.match(/^EPRT \|2\|::1\|\d+\|$/);
    expect(other.server.read('/file').length).to.equal(CONTENT.length);
  });

  it('sends the target to the address of our own connection, whatever PASV claims', async () => {
    const [one, other] = await ends(stage, {
      script: { PASV: async (session) => session.reply(`227 Entering Passive Mode (10,9,8,7,${await portPair(session.listen())}).`) },
    });
    await ftpcp(one.ftp, 'file', other.ftp);
    expect(other.server.commands.find((line) => line.startsWith('PORT'))).to.match(/^PORT 127,0,0,1,\d+,\d+$/);
    expect(other.server.read('/file').length).to.equal(CONTENT.length);
  });

  it('asks PASV once more where its port was taken meanwhile (425)', async () => {
    const [one, other] = await ends(stage, { script: { PASV: [['425 Address already in use'], [async (session) => session.reply(`227 Entering Passive Mode (127,0,0,1,${await portPair(session.listen())}).`)]] } });
    await ftpcp(one.ftp, 'file', other.ftp);
    expect(one.server.commands.slice(-3)).to.deep.equal(['PASV', 'PASV', 'RETR file']);
    expect(other.server.read('/file').length).to.equal(CONTENT.length);
  });

  it('copies in opposite directions at once without a deadlock', async () => {
    const [one, other] = await ends(stage);
    other.server.write('/back', 'back');
    await Promise.all([ftpcp(one.ftp, 'file', other.ftp, 'there'), ftpcp(other.ftp, 'back', one.ftp, 'here'), ftpcp(one.ftp, 'file', other.ftp, 'again')]);
    expect(other.server.read('/there').equals(CONTENT)).to.equal(true);
    expect(String(one.server.read('/here'))).to.equal('back');
    expect(other.server.read('/again').equals(CONTENT)).to.equal(true);
    await usable(one, other);
  });

  it('waits for what was called before on either client', async () => {
    const [one, other] = await ends(stage);
    const [size, , code] = await Promise.all([one.ftp.size('file'), ftpcp(one.ftp, 'file', other.ftp), other.ftp.size('file')]);
    expect([size, code]).to.deep.equal([CONTENT.length, CONTENT.length]);
  });

  describe('leaves both clients usable', () => {
    it('when the source has no such file', async () => {
      const [one, other] = await ends(stage);
      const error = await failure(ftpcp(one.ftp, 'missing', other.ftp));
      expect(error).to.be.instanceOf(PermanentError).and.include({ message: 'RETR missing: 550 No such file or directory.' });
      await usable(one, other);
    });

    it('when the target refuses the file', async () => {
      const [one, other] = await ends(stage, {}, { script: { STOR: ['553 Full.', [receiveData(), send('226 Done.')]] } });
      const error = await failure(ftpcp(one.ftp, 'file', other.ftp));
      expect(error).to.include({ message: 'STOR file: 553 Full.' });
      expect(one.server.commands).to.not.include('RETR file');
      await usable(one, other);
    });

    it('when PASV, PORT or TYPE is refused', async () => {
      for (const [on, verb] of [[0, 'PASV'], [1, 'PORT'], [0, 'TYPE'], [1, 'TYPE']] as const) {
        const code = verb === 'TYPE' ? 504 : 502; // 502 would say that there is one type only
        const script = { [verb]: `${code} No ${verb}.` };
        const [one, other] = await ends(stage, on === 0 ? { script } : {}, on === 1 ? { script } : {});
        expect((await failure(ftpcp(one.ftp, 'file', other.ftp))).message).to.match(new RegExp(`^${verb}.*: ${code} No ${verb}\\.$`));
        await usable(one, other);
      }
    });

    it('when PASV gives no port', async () => {
      const [one, other] = await ends(stage, { script: { PASV: '227 Somewhere.' } });
      expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.be.instanceOf(ProtocolError);
      await usable(one, other);
    });

    it('when the source breaks off in the middle', async () => {
      const [one, other] = await ends(stage, { script: { RETR: [send('150 Here.'), data('half'), dataEnd(), send('426 Broke.')] } });
      expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.be.instanceOf(TemporaryError).and.include({ message: 'RETR file: 426 Broke.' });
      await usable(one, other);
    });

    it('when the target cannot keep the file', async () => {
      const [one, other] = await ends(stage, {}, { script: { STOR: [send('150 Go.'), receiveData(), send('452 Full.')] } });
      expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.include({ message: 'STOR file: 452 Full.' });
      await usable(one, other);
    });

    it('but for the one whose server is gone', async () => {
      const [one, other] = await ends(stage, { script: { RETR: [send('150 Here.'), hangUp()] } });
      expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.be.instanceOf(ConnectionClosedError);
      expect((await other.ftp.noop()).code).to.equal(200);
    });
  });

  describe('refuses', () => {
    it('one client for both ends, which would wait for itself', async () => {
      const [one] = await ends(stage);
      const before = one.server.commands.length;
      expect(await failure(ftpcp(one.ftp, 'file', one.ftp, 'copy'))).to.be.instanceOf(ArgumentError);
      expect(one.server.commands.length).to.equal(before);
    });

    it('names and types that cannot be meant, before anything is sent', async () => {
      const [one, other] = await ends(stage);
      for (const call of [() => ftpcp(one.ftp, '', other.ftp), () => ftpcp(one.ftp, 'a\r\nb', other.ftp), () => ftpcp(one.ftp, 'a', other.ftp, 'b\0'), () => ftpcp(one.ftp, 'a', other.ftp, 'b', 'E' as 'A')]) {
        expect(await failure(call())).to.be.instanceOf(ArgumentError);
      }
      expect([...one.server.commands, ...other.server.commands]).to.deep.equal([]);
    });
  });

  it('fails when a client is not connected any more, and leaves the other usable', async () => {
    const [one, other] = await ends(stage);
    const closed = once(other.ftp, 'close');
    for (const { control } of other.server.sessions) control.reset();
    await closed;
    expect(await failure(ftpcp(one.ftp, 'file', other.ftp))).to.be.instanceOf(ConnectionClosedError);
    expect((await one.ftp.noop()).code).to.equal(200);
    expect(await failure(ftpcp(other.ftp, 'file', one.ftp))).to.be.instanceOf(ConnectionClosedError);
    expect((await one.ftp.noop()).code).to.equal(200);
  });
});

/** Two servers, the first one with the file, and a client on each. */
async function ends(stage: Scene, ...options: FtpServerOptions[]): Promise<[End, End]> {
  const make = async (own: FtpServerOptions): Promise<End> => {
    const server = await stage.serve({ features: [], ...own });
    return { server, ftp: await stage.connect(server) };
  };
  return [await make({ files: { '/file': CONTENT }, ...options[0] }), await make(options[1] ?? {})];
}

/** Verbs work on both, on the connections that there were. */
async function usable(...each: readonly End[]): Promise<void> {
  for (const { ftp, server } of each) {
    expect((await ftp.noop()).code).to.equal(200);
    expect(await ftp.pwd()).to.equal('/');
    expect(server.sessions.size).to.equal(1);
  }
}

async function portPair(port: Promise<number>): Promise<string> {
  return `${(await port) >> 8},${(await port) & 255}`;
}

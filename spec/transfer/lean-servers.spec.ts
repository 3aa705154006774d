import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { TimeoutError } from '../../lib/index';
import { failure, scene } from '../support/client';
import { certificate } from '../support/server/certificates';
import { FEATURES } from '../support/server/server-options';
import type { Session } from '../support/server/session';
import { data, dataClosed, dataEnd, hangUp, normal, openData, raw, receiveData, send, silence, until } from '../support/server/steps';

const FILES = { '/a': 'file a', '/b': 'file b' };

describe('servers that do it their way', () => {
  const stage = scene();

  describe('PRET', () => {
    const features = [...FEATURES, 'PRET'];
    let announced: string | undefined;
    /** As drftpd: the data connection is on another machine, which depends on what is to be transferred. */
    const script = {
      PRET: (session: Session, argument: string): void => ((announced = argument), session.reply('200 OK, planning to use master for upcoming transfer')),
      EPSV: (session: Session): Promise<void> | void => (announced === undefined ? session.reply('500 You need to use a client supporting PRET (PRE Transfer)') : ((announced = undefined), session.normal())),
      PASV: (session: Session): Promise<void> | void => (announced === undefined ? session.reply('500 You need to use a client supporting PRET (PRE Transfer)') : ((announced = undefined), session.normal())),
    };

    it('comes before each transfer where FEAT offers it, the first one included', async () => {
      announced = undefined;
      const server = await stage.serve({ files: FILES, features, script });
      const ftp = stage.client(server);
      expect(await Promise.all([text(ftp.retr('a')), text(ftp.retr('b'))])).to.deep.equal(['file a', 'file b']);
      const upload = ftp.stor('\u00fc p');
      upload.end('up');
      await finished(upload);
      expect((await ftp.list().toArray()).map(({ name }) => name)).to.have.members(['a', 'b', '\u00fc p']);
      expect(server.commands.filter((line) => line.startsWith('PRET'))).to.deep.equal(['PRET RETR a', 'PRET RETR b', 'PRET STOR \u00fc p', 'PRET MLSD']);
      expect(server.commands.filter((line) => line.startsWith('EPSV'))).to.have.lengthOf(1); // refused without PRET, and not asked for again
    });

    it('costs no flight, and its refusal nothing', async () => {
      const server = await stage.serve({ files: FILES, features, script: { PRET: '550 No such file.' } });
      const ftp = stage.client(server);
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(await text(ftp.retr('b'))).to.equal('file b');
      expect((await failure(text(ftp.retr('c')))).command).to.equal('RETR c');
    });

    it('is not sent where FEAT does not offer it', async () => {
      const server = await stage.serve({ files: FILES, script: { EPSV: '500 What?', PASV: '500 What?' } });
      await failure(text(stage.client(server).retr('a')));
      expect(server.commands.join()).to.not.include('PRET');
    });
  });

  describe('a data connection that stays open after 226', () => {
    const open = (bytes: string, size: number) => [openData(), send(`150 Here (${size} bytes).`), data(bytes), send('226 Done.'), dataClosed()];

    it('completes a download that has all bytes of the mark', async () => {
      const server = await stage.serve({ files: FILES, script: { RETR: [open('file a', 6), [normal()]] } });
      const ftp = stage.client(server, { timeout: 3000 });
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(await text(ftp.retr('b'))).to.equal('file b');
    });

    it('completes none that lacks some', async () => {
      const server = await stage.serve({ files: FILES, script: { RETR: [open('file', 6), [normal()]] } });
      const ftp = stage.client(server, { stallTimeout: 800 });
      expect(await failure(text(ftp.retr('a')))).to.be.instanceOf(TimeoutError);
      expect(await text(ftp.retr('b'))).to.equal('file b');
    });
  });

  describe('a TLS handshake on the data connection', () => {
    const tls = { mode: 'explicit', ...certificate() } as const;

    it('begins after a while where the mark comes only after it (ftp-srv)', async () => {
      const early = [data('file a'), send('150 Here.'), dataEnd(), send('226 Done.')];
      const server = await stage.serve({ files: FILES, tls, script: { RETR: early, STOR: [receiveData(), send('150 Here.'), send('226 Done.')] } });
      const ftp = stage.client(server, { secure: 'explicit', tls: { ca: tls.cert }, timeout: 5000 });
      expect(await text(ftp.retr('a'))).to.equal('file a');
      expect(await text(ftp.retr('a'))).to.equal('file a');
    });
  });

  for (const twice of ['200 Ok.\r\n200 UTF8 set to on.\r\n', '501 What?\r\n501 What?\r\n']) {
    it(`OPTS UTF8 ON that is answered twice harms nothing: ${twice.slice(0, 3)}`, async () => {
      const server = await stage.serve({ files: FILES, script: { OPTS: [raw(twice)] } });
      const ftp = stage.client(server);
      await ftp.feat();
      expect(await ftp.size('a')).to.equal(6);
      expect(await text(ftp.retr('b'))).to.equal('file b');
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length.at.most(2);
    });
  }

  it('a reply that is ended with another code is what the timeout names (glftpd)', async () => {
    const server = await stage.serve({ script: { PASS: [raw('230-Welcome\r\n231 Have fun.\r\n'), silence()], SYST: [raw('215-UNIX\r\n200 Ok.\r\n'), silence()] } });
    const ftp = stage.client(server, { replyTimeout: 200 });
    await ftp.connect();
    const error = await failure(ftp.syst());
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.include('"215-UNIX"');
    await ftp.connect();
    const secret = await failure(ftp.login());
    expect(secret).to.be.instanceOf(TimeoutError);
    expect(secret.message).to.not.include('Welcome'); // it could repeat the password
  });

  it('TYPE that is not known is done without, for files and for lines (lwIP)', async () => {
    const server = await stage.serve({ files: FILES, lacks: ['TYPE'], types: 'bytes only' });
    const ftp = stage.client(server);
    expect(await text(ftp.retr('a'))).to.equal('file a');
    expect(await ftp.retrlines('RETR b').toArray()).to.deep.equal(['file b']);
    expect(await ftp.size('a')).to.equal(6);
    expect(await text(stage.client(server).retr('b'))).to.equal('file b');
    expect(server.commands.filter((line) => line.startsWith('TYPE'))).to.deep.equal(['TYPE I', 'TYPE I']);
    expect((await failure(ftp.voidcmd('TYPE I'))).reply?.code).to.equal(500);
  });

  it("the refusal of EPSV in the place of TYPE's reply costs no file its bytes (SuSE's ftp-proxy 1.9.2)", async () => {
    let types = 0;
    const server = await stage.serve({
      files: { '/lines': 'one\ntwo\n' },
      lacks: ['FEAT'],
      script: {
        TYPE: (session) => (types++ === 0 ? session.reply("500 'EPSV': command unrecognized.") : session.normal()),
        EPSV: (session) => (types === 1 ? session.reply('200 Type set to: Binary.') : session.reply("500 'EPSV': command unrecognized.")),
      },
    });
    expect(await text(stage.client(server).retr('lines'))).to.equal('one\ntwo\n');
    expect(await text(stage.client(server).retr('lines'))).to.equal('one\ntwo\n');
  });

  it('a type that is refused fails the transfer', async () => {
    const server = await stage.serve({ files: FILES, script: { TYPE: '504 Only A.' } });
    expect((await failure(text(stage.client(server).retr('a')))).reply?.code).to.equal(504);
  });

  it('a server that says nothing before TLS is an error that names the option secure', async () => {
    const server = await stage.serve({ tls: { mode: 'implicit', ...certificate() } });
    const error = await failure(stage.client(server, { connectTimeout: 200 }).pwd());
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error.message).to.include("secure: 'implicit'");
  });

  it('a server that greets in the clear where TLS was to begin is an error that names the option secure', async () => {
    const server = await stage.serve();
    const error = await failure(stage.client(server, { secure: 'implicit' }).pwd());
    expect(error).to.have.property('code', 'ERR_FTP_SECURITY');
    expect(error.message).to.include('option secure');
  });

  it('QUIT that is refused or not answered ends the session all the same', async () => {
    for (const act of ['502 Command not supported.', [hangUp()]]) {
      const server = await stage.serve({ script: { QUIT: act } });
      const ftp = stage.client(server);
      await ftp.pwd();
      expect((await ftp.quit())?.code).to.equal(typeof act === 'string' ? 502 : undefined);
      await server.deserted();
    }
  });

  it('a reply that is late after a download was left is not taken for the next command\u2019s (mod_proxy)', async () => {
    const server = await stage.serve({ files: FILES });
    const ftp = stage.client(server);
    expect(await text(ftp.retr('b'))).to.equal('file b');
    server.script = {
      RETR: [[openData(), send('150 Here.'), data('half'), dataClosed(), send('425 No.'), send('426 Aborted.')], [normal()]],
      ABOR: '225 No transfer to abort.',
      PWD: [[until(() => server.waitFor('PWD', server.commands.length)), normal()], [normal()]],
    };
    for await (const chunk of ftp.retr('a')) if (chunk) break;
    expect(await Promise.all([ftp.mkd('new'), ftp.size('a')])).to.deep.equal(['/new', 6]);
    expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
  });

  it('a port that refuses the connection, after others that did not, costs no transfer (SuSE\u2019s ftp-proxy)', async () => {
    const closed = '229 Entering Extended Passive Mode (|||1|)';
    const server = await stage.serve({ files: FILES, script: { EPSV: [[normal()], closed, [normal()], [normal()], closed, [normal()]] } });
    const ftp = stage.client(server);
    expect(await text(ftp.retr('a'))).to.equal('file a');
    expect(await text(ftp.retr('b'))).to.equal('file b');
    expect(await text(ftp.retr('a'))).to.equal('file a');
    const upload = ftp.stor('up');
    upload.end('up');
    await finished(upload);
    expect(server.read('/up').toString()).to.equal('up');
  });
});

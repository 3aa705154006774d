import { expect } from 'chai';
import { NameMemory } from '../lib/encoding';
import { ArgumentError } from '../lib/errors';
import { scene } from './support/client';
import { data, dataEnd, openData, send } from './support/server/steps';

const LATIN = Buffer.from('caf\xe9.txt', 'latin1');
const SHOWN = LATIN.toString('utf8');

describe('NameMemory', () => {
  it('sends the bytes that were listed for the name that was shown', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    expect(Buffer.from(names.encode(`RETR ${SHOWN}`))).to.deep.equal(Buffer.concat([Buffer.from('RETR '), LATIN]));
  });

  it('knows a name as any part of a path, and nowhere else', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    const encoded = (line: string): string => Buffer.from(names.encode(line)).toString('latin1');
    expect(encoded(`RETR /a/${SHOWN}/b`)).to.equal('RETR /a/caf\xe9.txt/b');
    expect(encoded(`RETR x${SHOWN}`)).to.equal(Buffer.from(`RETR x${SHOWN}`).toString('latin1'));
    expect(encoded('RETR //a//')).to.equal('RETR //a//');
    expect(encoded('NOOP')).to.equal('NOOP');
  });

  it('forgets a name that a later listing prints as the encoding has it', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    names.remember(SHOWN, undefined);
    expect(Buffer.from(names.encode(`RETR ${SHOWN}`)).toString()).to.equal(`RETR ${SHOWN}`);
  });

  it('keeps the newest 65,536 names', () => {
    const names = new NameMemory('utf8');
    for (let number = 0; number <= 65_536; number++) names.remember(`${number}`, Buffer.from([0x80]));
    expect(Buffer.from(names.encode('DELE 0')).toString()).to.equal('DELE 0');
    expect(Buffer.from(names.encode('DELE 1'))).to.deep.equal(Buffer.from('DELE \x80', 'latin1'));
  });

  it('refuses encodings that cannot carry names', () => {
    expect(() => new NameMemory('utf16le')).to.throw(ArgumentError);
  });
});

describe('names that are no UTF-8', () => {
  const stage = scene();

  it('can be used as they were listed', async () => {
    const line = Buffer.concat([Buffer.from('type=file;size=4; '), LATIN, Buffer.from('\r\n')]);
    const server = await stage.serve({
      files: { '/caf\u00e9.txt': 'text' },
      script: { MLSD: [openData(), send('150 Here.'), data(line), dataEnd(), send('226 Done.')] },
    });
    const ftp = await stage.connect(server);
    const [entry] = await ftp.list().toArray();
    expect(entry).to.include({ name: 'caf\u00e9.txt', size: 4 });
    await ftp.delete(entry?.name ?? '');
    expect(server.commandBytes.at(-1)).to.deep.equal(Buffer.concat([Buffer.from('DELE '), LATIN]));
  });

  it('cannot smuggle a line end into a command', async () => {
    const server = await stage.serve();
    const ftp = await stage.connect(server);
    ftp.session.codec.remember('harmless', Buffer.from('x\r\nDELE y'));
    await ftp.delete('harmless').then(
      () => expect.fail('sent'),
      (error: unknown) => expect(error).to.be.instanceOf(ArgumentError),
    );
    expect(server.commands).to.deep.equal([]);
  });
});

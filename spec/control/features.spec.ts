import { expect } from 'chai';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { parseFeatures } from '../../lib/control/features';
import { Reply } from '../../lib/reply';
import { failure, scene } from '../support/client';
import { gate, turn } from '../support/server/gate';
import { data, dataEnd, hangUp, send, until } from '../support/server/steps';

describe('parseFeatures', () => {
  const cases: Readonly<Record<string, [lines: string[], features: Record<string, string>]>> = {
    'names in capitals, and what follows them': [['211-Features:', ' utf8', ' REST STREAM', ' MLST type*;size*;', '211 End'], { UTF8: '', REST: 'STREAM', MLST: 'type*;size*;' }],
    'several lines of one name': [['211-', ' AUTH TLS', ' AUTH SSL', '211 End'], { AUTH: 'TLS;SSL' }],
    'lines that repeat the code': [['211-Features', '211-SIZE', '211- MDTM', '211 End'], { SIZE: '', MDTM: '' }],
    'lines without the blank, tabs and empty ones': [['211-Features', 'SIZE', '\tTVFS ', '', '211 End'], { SIZE: '', TVFS: '' }],
    'one line that offers nothing': [['211 No features.'], {}],
  };
  for (const [what, [lines, features]] of Object.entries(cases)) {
    it(`reads ${what}`, () => {
      expect(Object.fromEntries(parseFeatures(new Reply(211, lines)))).to.deep.equal(features);
    });
  }
});

describe('a line of FEAT', () => {
  it('costs milliseconds, whatever blanks are in it', () => {
    const started = performance.now();
    for (const end of ['y', 'y\u2028z', 'y\rz']) parseFeatures(new Reply(211, ['211-', ` x${' '.repeat(2000)}${end}`, '211 End']));
    expect(performance.now() - started).to.be.below(1000);
  });
});

describe('features of a session', () => {
  const stage = scene();

  it('are asked once, in the flight of the first verb, and OPTS UTF8 ON is sent where offered', async () => {
    const server = await stage.serve();
    const ftp = await stage.connect(server);
    await Promise.all([ftp.pwd(), ftp.feat(), ftp.feat(), ftp.noop()]);
    await ftp.feat();
    await ftp.noop();
    expect(server.commands.filter((line) => line === 'FEAT')).to.have.length(1);
    expect(server.commands.filter((line) => line.startsWith('OPTS'))).to.deep.equal(['OPTS UTF8 ON']);
    expect(server.commands[0]).to.equal('FEAT');
  });

  it('are given as a Map that the caller may change', async () => {
    const ftp = await stage.connect(await stage.serve({ features: ['SIZE', 'REST STREAM'] }));
    (await ftp.feat()).clear();
    expect([...(await ftp.feat())]).to.deep.equal([['SIZE', ''], ['REST', 'STREAM']]);
  });

  for (const reply of ['500 What?', '502 Not implemented.', '530 No.', '402 Command not allowed.', '450 Not now.']) {
    it(`are none where FEAT is answered ${reply}`, async () => {
      const server = await stage.serve({ script: { FEAT: reply } });
      const ftp = await stage.connect(server);
      expect((await ftp.feat()).size).to.equal(0);
      expect((await ftp.noop()).code).to.equal(200);
      expect(server.commands).to.deep.equal(['FEAT', 'NOOP']);
    });
  }

  it('are not known where the session ends with 421', async () => {
    const ftp = await stage.connect(await stage.serve({ script: { FEAT: [send('421 Timeout.'), hangUp()] } }));
    expect((await failure(ftp.feat())).reply?.code).to.equal(421);
  });

  it('go without OPTS UTF8 ON where it is not offered, or the encoding is another', async () => {
    const plain = await stage.serve({ features: ['SIZE'] });
    const ftp = await stage.connect(plain);
    await ftp.delete('\u00e9').catch(() => undefined);
    await ftp.noop();
    expect(plain.commands).to.deep.equal(['FEAT', 'DELE \u00e9', 'NOOP']);

    const latin = await stage.serve({ encoding: 'latin1' });
    const other = await stage.connect(latin, { encoding: 'latin1' });
    await other.delete('\u00e9').catch(() => undefined);
    await other.noop();
    expect(latin.commands).to.deep.equal(['FEAT', 'DELE \u00e9', 'NOOP']);
  });

  it('let verbs work where OPTS UTF8 ON is refused', async () => {
    const ftp = await stage.connect(await stage.serve({ files: { '/\u00e9': 'x' }, script: { OPTS: '501 Always on.' } }));
    expect(await ftp.size('/\u00e9')).to.equal(1);
  });

  it('switch UTF-8 on before the first name that is not ASCII', async () => {
    const server = await stage.serve({ files: { '/\u00e9': 'x' } });
    const ftp = await stage.connect(server);
    await ftp.size('\u00e9');
    expect(server.commands).to.deep.equal(['FEAT', 'OPTS UTF8 ON', 'TYPE I', 'SIZE \u00e9']);
  });

  it('are never asked between a transfer command and the end of its data', async () => {
    const held = gate();
    const server = await stage.serve({
      files: { '/x': 'x' },
      script: { RETR: [send('150 Here.'), data('half'), until(held), data('whole'), dataEnd(), send('226 Done.')] },
    });
    const ftp = await stage.connect(server);
    const stream = ftp.retr('x');
    const bytes = buffer(stream);
    const others = [ftp.noop(), ftp.feat(), ftp.size('\u00e9').catch(() => 0)];
    await once(stream, 'open');
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(server.commands.at(-1)).to.equal('RETR x');
    held.open();
    expect(String(await bytes)).to.equal('halfwhole');
    await Promise.all(others);
    expect(server.commands).to.include('NOOP').and.include('SIZE \u00e9');
  });

  it('come before a transfer whose name is not ASCII', async () => {
    const server = await stage.serve({ files: { '/\u00e9': 'text' } });
    const ftp = await stage.connect(server);
    expect(await text(ftp.retr('\u00e9'))).to.equal('text');
    const [on, retr] = ['OPTS UTF8 ON', 'RETR \u00e9'].map((line) => server.commands.indexOf(line));
    expect(on).to.be.at.least(0);
    expect(on).to.be.below(retr ?? -1);
  });
});

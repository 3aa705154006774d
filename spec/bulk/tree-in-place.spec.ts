import { expect } from 'chai';
import { setImmediate as turn } from 'node:timers/promises';
import { downloadTree } from '../../lib/bulk/tree-download';
import { uploadTree } from '../../lib/bulk/tree-upload';
import { TransferError } from '../../lib/index';
import { scene } from '../support/client';
import { data, dataReset, openData, send, until } from '../support/server/steps';
import { told } from './tree-results';
import { Scratch } from './tree-scratch';

const OPTIONS = { temporaryName: false, continueOnError: true } as const;

describe('files of trees that are written under their own names', () => {
  const stage = scene();
  const scratch = new Scratch();
  const written = async (): Promise<void> => {
    while ((await scratch.tree('copy'))['file'] !== 'n') await turn();
  };

  for (const [what, script, left] of [
    ['stays where the server refuses the new one', { RETR: '550 No.' }, { file: 'old' }],
    ['stays where the new one is cut before its first byte', { RETR: [send('150 go'), openData(), dataReset(), send('426 Cut.')] }, { file: 'old' }],
    ['goes when the new one is cut after it', { RETR: [send('150 go'), openData(), data('n'), until(() => written()), dataReset(), send('426 Cut.')] }, {}],
    ['is replaced', {}, { file: 'new' }],
  ] as const) {
    it(`what is there ${what}, down`, async () => {
      const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new' }, script }));
      await scratch.put('copy', { file: 'old' });
      await downloadTree(ftp, '/top', scratch.path('copy'), OPTIONS).toArray();
      expect(await scratch.tree('copy')).to.deep.equal(left);
    });
  }

  it('what is there is as short as the new one, down', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new', '/top/empty': '' } }));
    await scratch.put('copy', { file: 'longer than the new one', empty: 'not yet' });
    await downloadTree(ftp, '/top', scratch.path('copy'), OPTIONS).toArray();
    expect(await scratch.tree('copy')).to.deep.equal({ empty: '', file: 'new' });
  });

  it('nothing new is left where the server refuses it, down', async () => {
    const ftp = stage.client(await stage.serve({ files: { '/top/file': 'new' }, script: { RETR: '550 No.' } }));
    await downloadTree(ftp, '/top', scratch.path('copy'), OPTIONS).toArray();
    expect(await scratch.tree('copy')).to.deep.equal({});
  });

  it('what is there stays where the server refuses the new one, up', async () => {
    const server = await stage.serve({ files: { '/top/file': 'old' }, script: { STOR: '553 No.' } });
    await scratch.put('source', { file: 'new' });
    const list = await uploadTree(stage.client(server), scratch.path('source'), '/top', OPTIONS).toArray();
    expect(told(list)).to.include('failed file');
    expect(server.read('/top/file').toString()).to.equal('old');
    expect(server.commands.filter((command) => command.startsWith('DELE'))).to.deep.equal([]);
  });

  it('what is cut goes, up', async () => {
    const server = await stage.serve({ files: { '/top/file': 'old' }, script: { STOR: [send('150 go'), openData(), dataReset(), send('426 cut')] } });
    await scratch.put('source', { file: 'new' });
    const list = await uploadTree(stage.client(server), scratch.path('source'), '/top', OPTIONS).toArray();
    expect(list.find(({ error }) => error)?.error?.name).to.be.oneOf([TransferError.name, 'TemporaryError']);
    expect(server.files.has('/top/file')).to.equal(false);
  });
});

import { expect } from 'chai';
import { list } from '../../examples/list';
import { FtpServer } from '../support/server/ftp-server';

describe('examples: list', () => {
  it('entries by MLSD', async () => {
    const server = await startServer(['MLST', 'SIZE']);
    expect(await printed(server)).to.have.members(['file README 9', 'directory deep']);
    expect(server.commands).to.include('MLSD pub');
  });

  it('the same entries by LIST, where the server has no MLSD', async () => {
    const server = await startServer(['SIZE']);
    expect(await printed(server)).to.have.members(['file README 9', 'directory deep']);
    expect(server.commands).to.include('LIST pub');
  });
});

function startServer(features: string[]): Promise<FtpServer> {
  return FtpServer.start({ users: { user: 'secret' }, features, files: { '/pub/README': 'read me\r\n', '/pub/deep/': '' } });
}

/** The example's words, without the sizes of folders, which servers are free to choose. */
async function printed(server: FtpServer): Promise<string[]> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (type: string, name: string, size?: number) => void lines.push([type, name, ...(type === 'file' ? [size] : [])].join(' '));
  try {
    await list(server.url);
    return lines;
  } finally {
    console.log = log;
    await server.close();
  }
}

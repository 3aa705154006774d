import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FtpServer } from '../support/server/ftp-server';

const ROOT = dirname(dirname(__dirname));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('npm start', () => {
  let temporary: string;

  before(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'ftplib-demo-'));
  });

  after(() => rm(temporary, { recursive: true }));

  it('does the main jobs on a server of its own, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await demo();
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    const steps = ['connect: 220', 'login: 230', 'list:', 'download: README', 'upload: an HTTP request body', 'download: big.bin, 64 MiB', 'quit: 221'];
    expect(steps.filter((step) => !stdout.includes(step))).to.deep.equal([]);
    expect(stdout).not.to.include('\r'); // no progress line where no terminal is
    expect(readdirSync(temporary).filter((name) => name.startsWith('ftplib'))).to.deep.equal([]);
  });

  it('downloads from the server that a URL names', async () => {
    const server = await FtpServer.start({ users: { user: 'pass-word' }, files: { '/pub/a file': 'abc' } });
    try {
      const { code, stdout, stderr } = await demo(`ftp://user:pass-word@127.0.0.1:${server.port}/pub/a%20file`);
      expect(stderr).to.equal('');
      expect(stdout).to.match(/complete: 3 bytes in .* SHA-256 ba7816bf8f01cfea/).and.not.include('pass-word');
      expect(code).to.equal(0);
    } finally {
      await server.close();
    }
  });

  it('fails with the reason, without the password', async () => {
    const server = await FtpServer.start({ users: { user: 'pass-word' }, files: {} });
    try {
      const { code, stdout, stderr } = await demo(`ftp://user:pass-word@127.0.0.1:${server.port}/missing`);
      expect(stderr).to.match(/^failed: RETR missing: 550 .*\n$/);
      expect(stdout + stderr).not.to.include('pass-word');
      expect(code).to.equal(1);
    } finally {
      await server.close();
    }
  });

  it('refuses what is no FTP URL, without the password', async () => {
    const { code, stdout, stderr } = await demo('http://user:pass-word@127.0.0.1/');
    expect(stderr).to.match(/^failed: not an FTP URL: /);
    expect(stdout + stderr).not.to.include('pass-word');
    expect(code).to.equal(1);
  });

  function demo(...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const env = { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary };
      execFile(process.execPath, ['-r', 'ts-node/register', 'examples/demo.ts', ...args], { cwd: ROOT, env }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });
  }
});

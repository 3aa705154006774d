import { expect } from 'chai';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { capture, Home, PHOTO, startServer } from '../examples/home';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { FEATURES } from '../support/server/server-options';
import { diagnosticsOf, installIn, readSnippets, run, snippetsOf, type Snippet } from './snippets';

const IMAGE = content(300_000);
const image = IMAGE.read(0, IMAGE.size);
const README = 'read me\r\n';

/** Where a snippet has run: what it has printed, and what there is now. */
interface Scene {
  readonly server: FtpServer;
  readonly printed: readonly string[];
  local(name: string): Promise<Buffer>;
}

/** What must be true after each snippet. */
const OUTCOMES: Readonly<Record<string, (scene: Scene) => unknown>> = {
  'First steps': async ({ server, printed, local }) => {
    expect(String(await local('README.copy'))).to.equal(README);
    expect(server.read('/incoming/photo.jpg').equals(PHOTO)).to.equal(true);
    expect(printed.join('\n')).to.match(/^file README 9 /m).and.match(/^file image\.iso 300000 /m);
  },
  'Transfer trees': async ({ printed, local }) => {
    expect((await local('copy/image.iso')).equals(image)).to.equal(true);
    expect(printed).to.include('image.iso 300000').and.include('downloaded README ');
  },
  'Use several connections': async ({ local }) => {
    expect((await local('image.iso')).equals(image)).to.equal(true);
    expect(String(await local('copy/README'))).to.equal(README);
  },
  'Use TLS': async ({ server, local }) => {
    expect(String(await local('README.copy'))).to.equal(README);
    expect(server.commands).to.include.members(['AUTH TLS', 'PROT P']);
  },
};

describe('README: its code', () => {
  const snippets = readSnippets();
  const home = new Home(() => startServer({ files: FILES, features: [...FEATURES, 'HASH SHA-256;SHA-512'] }));
  const HTTP = 'Take an upload over HTTP';

  it('compiles as it is pasted', () => {
    expect(snippets).to.have.length.greaterThan(4);
    expect(diagnosticsOf(snippets)).to.deep.equal([]);
  });

  it('would not, if a name were wrong', () => {
    const wrong = snippetsOf("# A\n```ts\nimport { FTP } from 'ftplib';\nfor await (const { nmae } of new FTP().list()) console.log(nmae);\n```\n");
    expect(diagnosticsOf(wrong).join('\n')).to.match(/^A, line 2: Property 'nmae' does not exist on type 'Entry'/);
  });

  it('is required in CommonJS as it says', async () => {
    const [, line = ''] = /CommonJS:\s+`([^`]+)`/.exec(readFileSync(join(__dirname, '../../README.md'), 'utf8')) ?? [];
    installIn(home.folder);
    const code = `${line};\nvoid (async () => {\n  const ftp = new FTP('ftp://user:secret@ftp.example.com');\n  await ftp.get('pub/README', 'README.copy');\n  await ftp.quit();\n})();\n`;
    await run({ name: 'CommonJS', code, language: 'js' }, home.folder, { 'ftp.example.com': home.server });
    await home.server.waitFor('QUIT');
    expect(await readFile(join(home.folder, 'README.copy'), 'latin1')).to.equal(README);
  });

  it('has an outcome for each piece', () => {
    expect(snippets.map(({ name }) => name)).to.have.members([...Object.keys(OUTCOMES), HTTP]);
  });

  for (const snippet of snippets.filter(({ name }) => name !== HTTP)) {
    it(`runs: ${snippet.name}`, () => play(snippet));
  }

  /** Runs a snippet in a folder with a beginning of the image, and compares what has come of it. */
  async function play(snippet: Snippet): Promise<void> {
    installIn(home.folder);
    await writeFile('image.iso', image.subarray(0, 100_000));
    await writeFile('ca.pem', certificate('local').cert);
    const secure = snippet.code.includes('secure:');
    const tls = { mode: 'explicit', required: true, ...certificate('local') } as const;
    const server = secure ? await startServer({ files: FILES, tls }) : home.server;
    try {
      const printed = await capture(() => run(snippet, home.folder, { 'ftp.example.com': server }));
      await OUTCOMES[snippet.name]?.({ server, printed, local: (name) => readFile(join(home.folder, name)) });
    } finally {
      if (secure) await server.close();
    }
  }

  describe(HTTP, () => {
    const { listen } = Server.prototype;
    let http: Server | undefined;

    beforeEach(async () => {
      Server.prototype.listen = function (this: Server, ...args: unknown[]) {
        http = this;
        return Reflect.apply(listen, this, args) as Server;
      } as typeof listen;
      installIn(home.folder);
      const snippet = snippets.find(({ name }) => name === HTTP) ?? expect.fail('there is none');
      await run(snippet, home.folder, { 'ftp.example.com': home.server });
      if (!http?.listening) await once(http ?? expect.fail('nothing listens'), 'listening');
    });

    afterEach(async () => {
      Server.prototype.listen = listen;
      await new Promise((closed) => http?.close(closed));
    });

    function post(): ReturnType<typeof request> {
      const { port } = http?.address() as AddressInfo;
      return request({ host: '127.0.0.1', port, method: 'POST', agent: false });
    }

    const stored = (): string[] => home.server.files.names('/incoming');

    it('stores the body', async () => {
      const [response] = await once(post().end(PHOTO), 'response');
      expect(response.statusCode).to.equal(201);
      response.resume();
      expect(stored()).to.have.length(1);
      expect(home.server.read(`/incoming/${stored()[0]}`).equals(PHOTO)).to.equal(true);
    });

    it('leaves nothing where the browser leaves in the middle', async () => {
      const errors = await silenced(async () => {
        const upload = post().on('error', () => undefined);
        const begun = once(home.server, 'command');
        upload.write(PHOTO);
        await begun;
        upload.destroy();
        const [again] = await once(post().end(PHOTO), 'response');
        again.resume();
        expect(again.statusCode).to.equal(201);
      });
      await home.server.idle();
      expect(stored().filter((name) => !name.endsWith('.part'))).to.have.length(1);
      expect(errors.join('\n')).to.include('aborted');
    });

    it('says so where the upload is refused, to a browser that sends all before it reads, and takes the next one', async () => {
      const { port } = http?.address() as AddressInfo;
      const send = async (): Promise<number> => {
        const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: Buffer.alloc(20_000_000) });
        await response.text();
        expect(response.headers.get('connection')).to.equal(response.status === 502 ? 'close' : 'keep-alive'); // else the rest of a body is in the way of the next request
        return response.status;
      };
      home.server.script = { STOR: ['553 No.'] };
      const errors = await silenced(async () => expect(await send()).to.equal(502));
      expect(errors.join('\n')).to.include('553 No.');
      home.server.script = {};
      expect(await send()).to.equal(201);
    });

    it('says so where the FTP server is gone', async () => {
      await home.server.close();
      const errors = await silenced(async () => {
        const [response] = await once(post().end(PHOTO), 'response');
        response.resume();
        expect(response.statusCode).to.equal(502);
      });
      expect(errors.join('\n')).to.include('cannot connect');
      home.server = await startServer({ files: FILES });
    });
  });
});

const FILES = { '/pub/README': README, '/pub/image.iso': IMAGE, '/incoming/': '' };

/** What `console.error` is given meanwhile. */
async function silenced(act: () => Promise<unknown>): Promise<string[]> {
  const { error } = console;
  const printed: string[] = [];
  console.error = (...words: unknown[]) => void printed.push(words.map(String).join(' '));
  try {
    await act();
  } finally {
    console.error = error;
  }
  return printed;
}

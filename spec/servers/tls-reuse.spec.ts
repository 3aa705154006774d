import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { onScene } from '../contract/scene';
import { targetOf } from '../contract/server-target';
import { note } from '../support/summary';
import { realServers, type RealServer } from './servers';

/** Downloads in a row: many where a session that is not resumed is refused. */
const IN_A_ROW = { strict: 500, other: 30 };
const FILES = 300;

describe('TLS sessions of data connections', () => {
  const servers = realServers().filter(({ secure, certificate }) => secure && existsSync(certificate));
  for (const server of servers) {
    describeReuse(server);
    if (server.family === 'pureftpd') describeReuse(server, 'TLSv1.2'); // no other of its kind has that only
  }
});

function describeReuse(server: RealServer, version = server.tlsMax): void {
  const target = targetOf(server);
  const downloads = server.tls === 'reuse' ? IN_A_ROW.strict : IN_A_ROW.other;
  const uploads = downloads / 10;
  const title = `${server.name} in ${version}`;
  const expected = resumes(server, version);

  onScene({ ...target, options: { ...target.options, tls: { ...target.options.tls, maxVersion: version } } }, title, {}, (scene) => {
    it(`are ${expected ? 'resumed' : 'new'} ${downloads} times in a row down, ${uploads} times up`, async () => {
      const began = performance.now();
      let resumed = 0;
      for (let index = 0; index < downloads; index++) {
        const name = `small/${String(index % FILES).padStart(3, '0')}.bin`;
        const down = scene.ftp.retr(`${target.root}/${name}`);
        expect(Buffer.concat(await down.toArray()).equals(target.disk.read(name)), name).to.equal(true);
        expect(down.tlsResumed, `download ${index}`).to.equal(expected);
        if (down.tlsResumed) resumed += 1;
        if (index % 10 > 0) continue;
        const up = await scene.put('up', String(index));
        expect(up.tlsResumed, `upload ${index}`).to.equal(expected);
        expect(scene.read('up').toString()).to.equal(String(index));
      }
      const spent = performance.now() - began;
      note('TLS sessions', `${title}: ${resumed} of ${downloads} downloads resumed, and ${uploads} uploads, ${(spent / (downloads + uploads)).toFixed(1)} ms each`);
    });
  });
}

/** Pure-FTPd gives no ticket in TLS 1.3. */
function resumes({ family }: RealServer, version: RealServer['tlsMax']): boolean {
  return family !== 'pureftpd' || version === 'TLSv1.2';
}

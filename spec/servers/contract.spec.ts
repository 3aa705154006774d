import { describeCancelling } from '../contract/cancelling';
import { describeLogin } from '../contract/login';
import { describeMode } from '../contract/modes';
import { describeNames } from '../contract/names';
import { describePipelining } from '../contract/pipelining';
import { describeProtection } from '../contract/protection';
import { describeRestart } from '../contract/restart';
import { onScene } from '../contract/scene';
import { targetOf } from '../contract/server-target';
import { modeOptions, type Mode } from '../contract/target';
import { describeText } from '../contract/text';
import { describeVerbs } from '../contract/verbs';
import { describeVolume } from '../contract/volume';
import { realServers, SERVERS, type RealServer } from './servers';

/** Transfers left early, per direction: most of them on one server of each software, the rest on its siblings. */
const ROUNDS = Number(process.env['CANCELS'] ?? 200);
const SIBLING_ROUNDS = Math.min(ROUNDS, 40);
const LANES = 24;

describe('the contract on real servers', function () {
  this.timeout(30_000);
  const lines: string[] = [];
  after(() => console.log(lines.map((line) => `      ${line}`).join('\n')));

  const servers = realServers();
  for (const { name } of SERVERS.filter((server) => !servers.includes(server))) lines.push(`contract ${name}: skipped, it is not up`);
  for (const server of servers) {
    describe(server.name, () => {
      let cases = 0;
      afterEach(() => void (cases += 1));
      after(() => void lines.push(`contract ${server.name}: ${cases} cases`));
      describeServer(server, (line) => void lines.push(line));
    });
  }
});

function describeServer(server: RealServer, print: (line: string) => void): void {
  const target = targetOf(server);
  const main: Mode = server.can.epsv ? 'EPSV' : 'PASV';
  describeLogin(target);
  onScene(target, main, modeOptions(main), (scene) => {
    describe('verbs', () => describeVerbs(scene));
    describe('names', () => describeNames(scene));
    describe('restart', () => describeRestart(scene));
    describe('text', () => describeText(scene));
    describe('volume', () => describeVolume(scene));
    describe('pipelining', () => describePipelining(scene));
    if (server.secure) describe('protection', () => describeProtection(scene, resumes(server)));
    describe('cancelling', () => {
      describeCancelling(scene, server.name.endsWith('-plain') ? ROUNDS : SIBLING_ROUNDS, LANES, (direction, { cancelled, complete, lost, slowest }) => {
        print(`cancel ${server.name} ${direction}: ${cancelled} left, ${complete} complete before, ${lost.length} connections made anew, at most ${slowest} ms`);
      });
    });
  });
  describeModes(server, main);
}

/** Pure-FTPd gives no ticket in TLS 1.3. */
function resumes({ family, tlsMax }: RealServer): boolean {
  return family !== 'pureftpd' || tlsMax === 'TLSv1.2';
}

/** The other ways to a data connection: in IPv6 there is no PASV and no PORT. */
function describeModes(server: RealServer, main: Mode): void {
  const rounds = 4;
  for (const host of server.hosts) {
    const modes: readonly Mode[] = host === '::1' ? ['EPSV', 'EPRT'] : ['EPSV', 'PASV', 'EPRT', 'PORT'];
    for (const mode of modes) {
      if (mode !== main || host !== server.host) describeMode(targetOf(server, host), host === '::1' ? `${mode} over IPv6` : mode, mode, rounds);
    }
  }
  if (server.secure && server.tlsMax === 'TLSv1.3') describeTls12(server, main);
}

/** The older version over each kind of data connection: passive, active, and IPv6. */
function describeTls12(server: RealServer, main: Mode): void {
  const rounds = 2;
  for (const host of server.hosts) {
    const modes: readonly Mode[] = host === '::1' ? ['EPSV', 'EPRT'] : [main, ...(server.can.port ? (['PORT'] as const) : [])];
    const { options, ...target } = targetOf(server, host);
    const tls = { ...options.tls, maxVersion: 'TLSv1.2' as const };
    for (const mode of modes) describeMode({ ...target, options: { ...options, tls } }, `${mode} in TLS 1.2${host === '::1' ? ' over IPv6' : ''}`, mode, rounds);
  }
}

import { realServers, type Family, type RealServer } from '../servers/servers';
import { note } from '../support/summary';
import { describeCancelling } from './cancelling';
import { describeLogin } from './login';
import { describeMode } from './modes';
import { describeNames } from './names';
import { describePipelining } from './pipelining';
import { describeProtection } from './protection';
import { describeRestart } from './restart';
import { onScene, type Scene } from './scene';
import { targetOf } from './server-target';
import { describeSession } from './session';
import { modeOptions, type Mode, type Target } from './target';
import { describeText } from './text';
import { describeTransport } from './transport';
import { describeVerbs } from './verbs';
import { describeVolume } from './volume';

/** Transfers left early, per direction. */
const ROUNDS = Number(process.env['CANCELS'] ?? 200);
const LANES = 24;

/** Most transfers that are left cost the connection there, or wait for one reply after the other: a few show it. */
const FEWER: readonly Family[] = ['ftpsrv', 'npmftpd', 'simpleftpd', 'tcllib', 'ftpproxy', 'modproxy'];
const FEWER_ROUNDS = 40;

/** The whole contract in every mode takes some seven minutes by itself. */
const LONG = process.env['FTPLIB_LONG'] === '1';

/** Everything on every server of one software that is up; the programs have specs of their own, so that they run at the same time. */
export function describeContract(family: Family): void {
  describe(`the contract on ${family}`, () => {
    for (const server of realServers().filter((each) => each.family === family)) {
      describe(server.name, () => {
        let cases = 0;
        afterEach(() => void (cases += 1));
        after(() => note('cases of the contract', `${server.name}: ${cases}`));
        describeServer(server);
      });
    }
  });
}

function describeServer(server: RealServer): void {
  const target = targetOf(server);
  const main = mainMode(target);
  const rounds = FEWER.includes(server.family) ? Math.min(ROUNDS, FEWER_ROUNDS) : ROUNDS;
  describeTarget(target, { rounds, lanes: LANES, resumes: server.secure ? resumes(server) : undefined });
  describeModes(server, main);
}

/** Everything in one mode: how many transfers are left early in each direction, on how many clients at once, and whether data connections resume the TLS session; undefined without TLS. */
export function describeTarget(target: Target, { rounds, lanes, resumes }: { readonly rounds: number; readonly lanes: number; readonly resumes: boolean | undefined }): void {
  const main = mainMode(target);
  describeLogin(target);
  onScene(target, main, modeOptions(main), (scene) => {
    describeOperations(scene);
    describe('session', () => describeSession(scene));
    if (resumes !== undefined) describe('protection', () => describeProtection(scene, resumes));
    describe('cancelling', () => {
      describeCancelling(scene, rounds, lanes, (direction, { cancelled, complete, lost, slowest }) => {
        note('transfers left at random moments', `${target.name} ${direction}: ${cancelled} left, ${complete} complete before, ${lost.length} connections made anew, at most ${slowest} ms`);
      });
    });
  });
}

function mainMode({ facts }: Target): Mode {
  return facts.refuses.EPSV === undefined ? 'EPSV' : 'PASV';
}

function describeOperations(scene: Scene): void {
  describe('verbs', () => describeVerbs(scene));
  describe('names', () => describeNames(scene));
  describe('restart', () => describeRestart(scene));
  describe('text', () => describeText(scene));
  describe('volume', () => describeVolume(scene));
  describe('pipelining', () => describePipelining(scene));
}

/** What must hold of the other ways to a data connection: in short, unless there is time. */
function inMode(rounds: number): (scene: Scene) => void {
  return (scene) => {
    describeTransport(scene, rounds);
    if (LONG) describeOperations(scene);
  };
}

/** Pure-FTPd gives no ticket in TLS 1.3; ftp-srv has other keys for each data connection. */
function resumes({ family, tlsMax }: RealServer): boolean {
  return family !== 'ftpsrv' && (family !== 'pureftpd' || tlsMax === 'TLSv1.2');
}

/** The other ways to a data connection: in IPv6 there is no PASV and no PORT. */
function describeModes(server: RealServer, main: Mode): void {
  const rounds = 4;
  for (const host of server.hosts) {
    const modes: readonly Mode[] = host === '::1' ? ['EPSV', 'EPRT'] : ['EPSV', 'PASV', 'EPRT', 'PORT'];
    for (const mode of modes) {
      if (mode !== main || host !== server.host) describeMode(targetOf(server, host), host === '::1' ? `${mode} over IPv6` : mode, mode, inMode(rounds));
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
    for (const mode of modes) describeMode({ ...target, options: { ...options, tls } }, `${mode} in TLS 1.2${host === '::1' ? ' over IPv6' : ''}`, mode, inMode(rounds));
  }
}

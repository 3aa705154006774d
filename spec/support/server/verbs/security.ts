import { Refusal } from '../refusal';
import type { Session } from '../session';
import type { Verb } from './verbs';

/** AUTH, PBSZ, PROT, CCC (RFC 2228, RFC 4217). */
export const securityVerbs: Readonly<Record<string, Verb>> = {
  async AUTH(session, mechanism) {
    if (!session.server.tls) throw new Refusal('502 TLS is not offered.');
    if (session.control.secure || session.control.cleared) throw new Refusal('503 Already done.');
    if (!/^(TLS|TLS-C|SSL)$/i.test(mechanism)) throw new Refusal('504 Unknown AUTH type.');
    session.reply('234 Proceed with negotiation.');
    await session.startTls();
  },

  PBSZ(session) {
    requireTls(session);
    session.bufferSize = true;
    session.reply('200 PBSZ=0');
  },

  PROT(session, level) {
    requireTls(session);
    if (!session.bufferSize) throw new Refusal('503 PBSZ first.');
    const wanted = level.toUpperCase();
    if (wanted !== 'C' && wanted !== 'P') throw new Refusal('536 PROT S and E are not supported.');
    session.protection = wanted;
    session.reply(wanted === 'P' ? '200 PROT now Private.' : '200 PROT now Clear.');
  },

  CCC(session) {
    if (!session.control.secure) throw new Refusal('533 The control connection is not protected.');
    session.reply('200 Going on in the clear.');
    session.control.endTls();
  },
};

function requireTls(session: Session): void {
  if (!session.control.secure) throw new Refusal('503 AUTH TLS first.');
}

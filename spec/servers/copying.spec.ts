import { describeCopying } from '../contract/copying';
import { targetOf } from '../contract/server-target';
import { realServers } from './servers';

describe('copies between real servers', () => {
  const plain = realServers().filter(({ secure, hosts }) => !secure && hosts.includes('127.0.0.1'));
  plain.forEach((source, index) => {
    const target = plain[(index + 1) % plain.length];
    if (target) describeCopying(targetOf(source), targetOf(target), { failing: ['vsftpd-plain', 'proftpd-plain'].includes(source.name) });
  });

  describe('over IPv6', () => {
    const six = realServers().filter(({ secure, hosts, can }) => !secure && hosts.includes('::1') && can.epsv && can.eprt);
    six.forEach((source, index) => {
      const target = six[(index + 1) % six.length];
      if (target) describeCopying(targetOf(source, '::1'), targetOf(target, '::1'), { failing: false });
    });
  });
});

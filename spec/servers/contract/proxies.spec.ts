import { describeTarget } from '../../contract/server-contract';
import { targetOf } from '../../contract/server-target';
import { proxyURL, realProxies } from '../proxies';
import { realServers } from '../servers';

/** One proxy of each kind, and the server that it leads to. */
const WAYS = [['tinyproxy-password', 'proftpd-plain'], ['dante-open', 'vsftpd-plain']] as const;
/** Transfers left early, in each direction. */
const ROUNDS = 20;

describe('the contract by way of proxies', () => {
  for (const [by, to] of WAYS) {
    const proxy = realProxies().find(({ name }) => name === by);
    const server = realServers().find(({ name }) => name === to);
    if (!proxy || !server) continue;
    const target = targetOf(server);
    const name = `${to} by ${by}`;
    describe(name, () => describeTarget({ ...target, name, options: { ...target.options, proxy: proxyURL(proxy, proxy.schemes[0] ?? '') } }, { rounds: ROUNDS, lanes: 4, resumes: undefined }));
  }
});

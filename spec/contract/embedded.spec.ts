import { PERSONALITY_FACTS } from './personality-facts';
import { embeddedTarget } from './embedded-target';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import type { FtpServerOptions } from '../support/server/server-options';
import { describeTarget } from './server-contract';

/** Transfers left early, in each direction. */
const ROUNDS = 4;
/** The same where a packet with ABOR and another command costs seconds. */
const FEW = 1;

describe('the contract on the embedded server', () => {
  for (const [name, { facts, client }] of Object.entries(PERSONALITY_FACTS)) {
    describe(name, () => {
      const server: FtpServerOptions = PERSONALITIES[name as PersonalityName];
      const target = embeddedTarget(name, facts, server, client);
      before(() => target.start());
      after(() => target.stop());
      describeTarget(target, { rounds: facts.oneAtATime ? FEW : ROUNDS, lanes: 0, resumes: server.tls ? true : undefined });
    });
  }
});

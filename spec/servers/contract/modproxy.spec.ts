import { describeContract } from '../../contract/server-contract';

describeContract('modproxy');

export { testIdentities, type TestIdentities } from './identities';

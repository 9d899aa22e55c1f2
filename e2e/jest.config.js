/** One stack for all specs, started before the first and stopped after the last; specs run one after the other. */
module.exports = {
  ...require('../jest.preset.js'),
  displayName: 'e2e',
  testTimeout: 600_000,
  globalSetup: '<rootDir>/src/global-setup.ts',
  globalTeardown: '<rootDir>/src/global-teardown.ts',
};

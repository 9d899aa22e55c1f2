module.exports = { ...require('../../jest.preset.js'), displayName: 'execution-context-service' };

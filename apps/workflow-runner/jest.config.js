module.exports = { ...require('../../jest.preset.js'), displayName: 'workflow-runner' };

module.exports = { ...require('../../jest.preset.js'), displayName: 'environment-service' };

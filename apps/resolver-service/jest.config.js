module.exports = { ...require('../../jest.preset.js'), displayName: 'resolver-service' };

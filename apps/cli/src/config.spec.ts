import { readSettings } from './config';

describe('the settings', () => {
  it('come from a flag, else from the environment, else they are the local server', () => {
    const env = { STIGMER_ADDRESS: 'a:1', STIGMER_ORG: 'acme', STIGMER_HOME: '/h', HOME: '/home/x' };
    expect(readSettings({ org: 'flag' }, env)).toEqual({
      address: 'a:1',
      org: 'flag',
      home: '/h',
      colour: true,
    });
    expect(readSettings({}, { STIGMER_ORG: '' })).toMatchObject({
      address: '127.0.0.1:7234',
      org: 'default',
    });
  });

  it('ask for no colour when NO_COLOR is set to anything', () => {
    expect(readSettings({}, { NO_COLOR: '0' }).colour).toBe(false);
    expect(readSettings({}, { NO_COLOR: '' }).colour).toBe(true);
  });
});

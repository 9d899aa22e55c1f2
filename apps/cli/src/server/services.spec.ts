import { layoutOf } from './layout';
import { SERVICE_NAMES, serviceEnvironment, type ServiceName, type World } from './services';

const ports = Object.fromEntries(SERVICE_NAMES.map((name, index) => [name, 20_000 + index])) as Record<
  ServiceName,
  number
>;
const world: World = {
  layout: layoutOf('/home/ada/.stigmer'),
  ports,
  mongodb: 'mongodb://127.0.0.1:1',
  redis: 'redis://127.0.0.1:2',
  temporal: '127.0.0.1:3',
  passedOn: {
    STIGMER_LOG_LEVEL: 'debug',
    STIGMER_MODEL_API_KEY_FILE: '/keys/model',
    STIGMER_MODEL_URL: 'http://model',
  },
};

/** The services that are told a variable. */
function told(variable: string): readonly ServiceName[] {
  return SERVICE_NAMES.filter((name) => variable in serviceEnvironment(name, world));
}

describe('what each service is told', () => {
  it('gives a key of the stores to its one holder, as a file', () => {
    expect(told('STIGMER_ENVIRONMENT_ENCRYPTION_KEY_FILE')).toEqual(['environment-service']);
    expect(told('STIGMER_CONTEXT_ENCRYPTION_KEY_FILE')).toEqual(['execution-context-service']);
    expect(told('STIGMER_ENVIRONMENT_KEY_STORE')).toEqual(['environment-service']);
    expect(told('STIGMER_CONTEXT_KEY_STORE')).toEqual(['execution-context-service']);
    expect(told('STIGMER_ENVIRONMENT_ENCRYPTION_KEY')).toEqual([]);
    expect(told('STIGMER_CONTEXT_ENCRYPTION_KEY')).toEqual([]);
  });

  it('gives each its own identity and no other', () => {
    const files = SERVICE_NAMES.map((name) => serviceEnvironment(name, world)['STIGMER_IDENTITY_KEY_FILE']);
    expect(new Set(files).size).toBe(SERVICE_NAMES.length);
    expect(serviceEnvironment('gateway', world)['STIGMER_IDENTITY_KEY_FILE']).toContain('gateway');
  });

  it('keeps the runner away from the databases', () => {
    expect(told('STIGMER_MONGODB_URL')).not.toContain('workflow-runner');
    expect(told('STIGMER_REDIS_URL')).not.toContain('workflow-runner');
    expect(told('STIGMER_MODEL_API_KEY_FILE')).toEqual(['workflow-runner']);
    expect(told('STIGMER_LOCAL_TOKEN_FILE')).toEqual(['gateway']);
  });

  it('passes on what a person set for it, and nothing else of the environment', () => {
    process.env['STIGMER_SPEC_CANARY'] = 'canary';
    try {
      for (const name of SERVICE_NAMES)
        expect(Object.values(serviceEnvironment(name, world))).not.toContain('canary');
    } finally {
      delete process.env['STIGMER_SPEC_CANARY'];
    }
    expect(told('STIGMER_LOG_LEVEL')).toEqual(SERVICE_NAMES);
    expect(told('HOME')).toEqual([]);
  });
});

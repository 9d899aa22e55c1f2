import { run } from './program';
import { memoryIo } from './testing/memory-io';

const HEAVY = [
  '@grpc/grpc-js',
  '@stigmer/proto',
  '@stigmer/sdk',
  '@stigmer/domain',
  '@bufbuild/protobuf',
  'yaml',
];

for (const library of HEAVY) {
  jest.mock(library, () => {
    throw new Error(`${library} was loaded`);
  });
}

describe('starting', () => {
  it.each([
    '--help',
    '--version',
    'apply --help',
    'agent execute --help',
    'explain --help',
    'environment import --help',
    'keys rewrap --help',
    'server --help',
  ])('loads neither gRPC nor YAML nor the contract for %s: it has to be quick', async (words) => {
    expect(await run(words.split(' '), memoryIo({ input: '' }))).toBe(0);
  });

  it('loads them for a command that needs them', async () => {
    await expect(run(['list', 'environments'], memoryIo({ input: '' }))).rejects.toThrow('was loaded');
  });
});

import { runInNewContext } from 'node:vm';
import { throwOurs } from './rejections';

describe('a rejection that nobody caught', () => {
  const error = new Error('quotes a value');

  it('is thrown before Temporal could print it, when it is ours', () => {
    expect(() => {
      throwOurs(error, Promise.resolve());
    }).toThrow(error);
  });

  it('is left to Temporal, which fails the run, when it is a workflow’s', () => {
    const promise = runInNewContext('Promise.resolve()') as Promise<unknown>;
    expect(() => {
      throwOurs(error, promise);
    }).not.toThrow();
  });
});

import { CryptoError } from '../errors';

/** Which kind of CryptoError an action throws, or `otherwise` where it throws none. Other errors are thrown on. */
export function failureOf(action: () => unknown, otherwise = 'opened'): string {
  try {
    action();
  } catch (error) {
    if (error instanceof CryptoError) return error.failure;
    throw error;
  }
  return otherwise;
}

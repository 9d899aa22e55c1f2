/**
 * Throws a rejection of this process that nobody caught, so that it is logged as every uncaught error is. Workflows run
 * in this thread and in a realm of their own: theirs are left to Temporal, which knows the run. It would print ours,
 * with all that their messages quote; a listener that was there before Temporal's keeps them from it.
 */
export function throwOurs(error: unknown, promise: Promise<unknown>): void {
  if (promise instanceof Promise) throw error;
}

import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { invalidArguments } from '@stigmer/domain';

/** A context lives this long after the last proof that its run is open. */
export const LEASE_MS = 24 * 3_600_000;
/** How far the caller's clock may be ahead of ours. */
const CLOCK_SKEW_MS = 60_000;

/** The wanted expiry, at most 24 hours away by our clock, whatever the caller's says. */
export function readExpiry(wanted: Timestamp | undefined, now: Date): Date {
  const at = wanted === undefined ? Number.NaN : timestampDate(wanted).getTime();
  if (!(at > now.getTime())) throw bad('must be in the future');
  const latest = now.getTime() + LEASE_MS;
  if (at > latest + CLOCK_SKEW_MS) throw bad('must be at most 24 hours away');
  return new Date(Math.min(at, latest));
}

function bad(description: string) {
  return invalidArguments([{ field: 'expires_at', description }]);
}

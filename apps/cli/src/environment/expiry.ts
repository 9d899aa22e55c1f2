import { timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { parseTime } from '../time';
import { UsageError } from '../usage-error';

const SPAN = /^(\d{1,6})([mhdw])$/;
const MILLISECONDS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** `--expires`: a span from now, a moment, or `never`, which is undefined. */
export function parseExpiry(text: string, now: Date): Timestamp | undefined {
  if (text === 'never') return undefined;
  const moment = momentOf(text, now);
  if (moment === undefined) {
    throw new UsageError(
      '--expires has to be a span, a time or never',
      'such as 30d, 12h, 2w, 2027-01-31T00:00:00Z',
    );
  }
  if (moment <= now) throw new UsageError('--expires lies in the past');
  return timestampFromDate(moment);
}

function momentOf(text: string, now: Date): Date | undefined {
  const [, count, unit] = SPAN.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) {
    return new Date(now.getTime() + Number(count) * MILLISECONDS[unit as keyof typeof MILLISECONDS]);
  }
  return parseTime(text);
}

import type { Diagnostic } from './diagnostic';
import { type LayerSource, nameOfLayer } from './layers';

const DAY_MS = 86_400_000;

/** A run that starts so shortly before a value expires is warned. */
const WARNING_MS = 7 * DAY_MS;

/** What the contract's timestamps can say: the years 1 to 9999. */
const INSTANTS = { first: Date.parse('0001-01-01T00:00:00Z'), last: Date.parse('9999-12-31T23:59:59.999Z') };

/** Whether it is a time that can be written down. */
export function isInstant(ms: number): boolean {
  return ms >= INSTANTS.first && ms <= INSTANTS.last;
}

/** What is to be said of a variable whose value expires; nothing where that is far away. */
export function expiryDiagnostic(
  variable: string,
  source: LayerSource,
  expiresAt: number,
  now: number,
): Diagnostic | undefined {
  if (expiresAt - now > WARNING_MS) return undefined;
  const at = new Date(expiresAt).toISOString();
  const expired = expiresAt <= now;
  return {
    code: expired ? 'expired-variable' : 'expiring-variable',
    severity: expired ? 'error' : 'warning',
    variable,
    message: `${variable} of ${nameOfLayer(source)} ${expired ? 'expired' : 'expires'} at ${at}`,
    hint: 'set a new value with a later expires_at',
  };
}

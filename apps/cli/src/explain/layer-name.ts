import { Layer, type Origin } from '@stigmer/proto/agentic/resolver/v1/io';

/** A layer for people: `environment base (via production)`. `runtime` is what the run's own values are called here. */
export function layerName(origin: Origin | undefined, runtime: string): string {
  switch (origin?.layer) {
    case Layer.TEMPLATE:
      return 'template';
    case Layer.ENVIRONMENT: {
      const name = `environment ${origin.environmentSlug || origin.environmentId}`;
      return origin.via.length === 0 ? name : `${name} (via ${origin.via.join(' → ')})`;
    }
    case Layer.RUNTIME:
      return runtime;
    case Layer.UNSPECIFIED:
    case undefined:
      return 'unknown';
  }
}

import type { EnvironmentUsageRequest } from '@stigmer/proto/agentic/environment/v1/io';
import { EnvironmentUsageController } from '@stigmer/proto/agentic/environment/v1/usage';
import { GrpcController, type RpcHandlers } from '@stigmer/service';
import { EnvironmentUsage } from './environment-usage';

@GrpcController(EnvironmentUsageController)
export class EnvironmentUsageQueries implements RpcHandlers<typeof EnvironmentUsageController> {
  constructor(private readonly usage: EnvironmentUsage) {}

  usedBy(request: EnvironmentUsageRequest) {
    return this.usage.usedBy(request);
  }
}

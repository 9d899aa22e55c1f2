import { runProcess } from '@stigmer/service';
import { gatewayConfig } from './config';
import { startGateway } from './gateway';

void runProcess('gateway', gatewayConfig, startGateway);

import { runProcess } from '@stigmer/service/plain';
import { gatewayConfig } from './config';
import { startGateway } from './gateway';

void runProcess('gateway', gatewayConfig, startGateway);

import { serve } from '@stigmer/service';
import { AppModule } from './app.module';
import { controlPlaneConfig } from './config';
import { SERVICES } from './services';

void serve({
  name: 'control-plane',
  services: SERVICES,
  schema: controlPlaneConfig,
  module: (config, log) => AppModule.create(config, log),
});

import { Injectable } from '@nestjs/common';
import { DomainError } from '@stigmer/domain';
import type { ApiResourceMetadata } from '@stigmer/proto/commons/apiresource/metadata';
import type { Caller } from '@stigmer/service';
import { ExecutionStore } from '../executions/executions.store';
import { inUse } from '../instances/references';
import { metadataOf, type Resource, type ResourceKind } from '../resources/kind';
import { Resources } from '../resources/resources';
import { ResourceStore } from '../resources/resources.store';

/** The instance that comes with every template and goes with it. */
@Injectable()
export class DefaultInstances {
  constructor(
    private readonly resources: Resources,
    private readonly store: ResourceStore,
    private readonly executions: ExecutionStore,
  ) {}

  /**
   * Sees to it that a template has its default instance, under the id that the template's status names. A crash may
   * leave it out and a user may delete it: so every run asks again.
   */
  async ensure<R extends Resource>(
    kind: ResourceKind<R>,
    template: ApiResourceMetadata,
    build: (slug: string) => R,
    caller: Caller,
  ): Promise<R> {
    const slug = `${template.slug}-default`;
    const instance = build(slug);
    const { id } = metadataOf(instance);
    const existing = await this.store.byId(kind, id);
    if (existing !== undefined) return existing;
    try {
      return await this.resources.create(kind, instance, caller);
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== 'already-exists') throw error;
      // Either another call was faster, or somebody has given that name to an instance of their own.
      const rival = await this.store.byId(kind, id);
      return rival ?? this.resources.create(kind, build(`${slug}-${id.slice(-6).toLowerCase()}`), caller);
    }
  }

  /** Refuses to let a template go while it has runs or other instances; removes its default instance. */
  async release<R extends Resource>(
    kind: ResourceKind<R>,
    template: Resource,
    defaultId: string,
  ): Promise<void> {
    const { id } = metadataOf(template);
    const [children, running] = await Promise.all([
      this.store.children(kind.name, id),
      this.executions.running({ template: id }),
    ]);
    const users = [...children.filter((child) => child.id !== defaultId), ...running];
    if (users.length > 0) throw inUse(template, users);
    await this.store.remove(defaultId);
  }
}

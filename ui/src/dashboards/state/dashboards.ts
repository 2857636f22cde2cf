// The dashboards side of the public API.
import { Problem, type Api } from '../../hub/api';
import type { Json } from '../../model/types';
import type { Dashboard, DashboardView } from '../types';

const at = encodeURIComponent;

/** A dashboard in the list. */
export interface Listed {
  id: string;
  title: string;
  icon: string | null;
  owner: string | null;
  others: Dashboard['others'];
  version: number;
  updated: string;
  updated_by: string | null;
  widgets: number;
  may_edit: boolean;
  shares: number;
}

/** A link for somebody without an account. */
export interface Share {
  id: string;
  name?: string | null;
  expires: string | null;
  control: boolean;
  created?: string;
  last_used?: string | null;
}

export interface NewShare extends Share {
  /** With the secret, which is told this once. */
  url: string;
}

/** Somebody else changed it meanwhile. */
export interface Current {
  version: number;
  updated: string;
  updated_by: string | null;
}

/** The message after each change. */
export interface Change {
  version: number;
  by: string | null;
  deleted: boolean;
}

export class Dashboards {
  constructor(readonly api: Api) {}

  list(): Promise<Listed[]> {
    return this.api.list('/api/dashboards');
  }

  get(id: string): Promise<DashboardView> {
    return this.api.json('GET', `/api/dashboards/${at(id)}`);
  }

  /** The hub gives an id when it is empty. */
  create(dashboard: Dashboard): Promise<DashboardView> {
    const { id, owner: _owner, ...rest } = dashboard;
    const body = id === '' ? rest : { id, ...rest };
    return this.api.json('POST', '/api/dashboards', body as unknown as Json);
  }

  /** Fails with 412 when the hub's version is another. */
  async put(dashboard: Dashboard, version: number): Promise<DashboardView> {
    const { id, title, icon, owner, others, tabs, widgets } = dashboard;
    const body = { id, title, icon, owner, others, tabs, widgets } as unknown as Json;
    const headers = { 'if-match': `"${version}"` };
    const response = await this.api.send('PUT', `/api/dashboards/${at(id)}`, body, headers);
    return (await response.json()) as DashboardView;
  }

  async remove(id: string): Promise<void> {
    await this.api.send('DELETE', `/api/dashboards/${at(id)}`);
  }

  shares(id: string): Promise<Share[]> {
    return this.api.list(`/api/dashboards/${at(id)}/shares`);
  }

  share(id: string, share: { name?: string; expires: string | null; control: boolean }): Promise<NewShare> {
    return this.api.json('POST', `/api/dashboards/${at(id)}/shares`, share);
  }

  async revoke(id: string, share: string): Promise<void> {
    await this.api.send('DELETE', `/api/dashboards/${at(id)}/shares/${at(share)}`);
  }

  /** Exchanges the secret of a link for a session of its own; who is signed in stays so, and is told what it leads to. */
  enter(secret: string): Promise<{ kind: string | null; dashboard?: string | null }> {
    return this.api.json('POST', '/api/session/share', { secret });
  }
}

export function isConflict(error: unknown): error is Problem {
  return error instanceof Problem && error.status === 412;
}

/** What a message on `$dashboards/ID` says, if it says it. */
export function changeOf(payload: Json): Change | null {
  if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return null;
  const { version, by, deleted } = payload;
  if (typeof version !== 'number') return null;
  return { version, by: typeof by === 'string' ? by : null, deleted: deleted === true };
}

export function changeTopic(id: string): string {
  return `$dashboards/${id}`;
}

/** Without what only the hub says. */
export function plain(view: DashboardView): Dashboard {
  const { id, title, icon, owner, others, tabs, widgets } = view;
  return { id, title, icon, owner, others, tabs, widgets };
}

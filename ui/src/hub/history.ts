// The history side of the public API: readings over time, what is kept of them, and what that costs the disk.
import type { Json } from '../model/types';
import type { HistoryAnswer } from '../model/series';
import type { Policy, Wear } from '../model/wear';
import type { Window } from '../model/range';
import type { Api } from './api';

const at = encodeURIComponent;

/** Of one property; both ids hold nothing that an address would not. */
export function historyPath(key: string): string {
  const [device = '', property = ''] = key.split('/');
  return `/api/devices/${at(device)}/${at(property)}/history`;
}

function rfc3339(time_s: number): string {
  return new Date(Math.round(time_s * 1000)).toISOString();
}

function queryOf({ from, to }: Window, more: Record<string, string> = {}): string {
  return new URLSearchParams({ from: rfc3339(from), to: rfc3339(to), ...more }).toString();
}

export class History {
  constructor(readonly api: Api) {}

  /** Of each key, in their order. Without `points`, every reading. */
  async read(
    keys: readonly string[],
    window: Window,
    more: { points?: number; agg?: 'mean' },
  ): Promise<HistoryAnswer[]> {
    const options: Record<string, string> = {};
    if (more.points !== undefined) options['points'] = String(more.points);
    if (more.agg !== undefined) options['agg'] = more.agg;
    const [only] = keys;
    if (only === undefined) return [];
    if (keys.length === 1)
      return [await this.api.json('GET', `${historyPath(only)}?${queryOf(window, options)}`)];
    const all = queryOf(window, { series: keys.join(','), ...options });
    const answer = await this.api.json<{ series: HistoryAnswer[] }>('GET', `/api/history?${all}`);
    return answer.series;
  }

  /** Where the browser fetches all of it as a file. */
  csvAddress(keys: readonly string[], window: Window): string {
    const [only] = keys;
    const query = queryOf(window, { format: 'csv' });
    if (keys.length === 1 && only !== undefined) return `${historyPath(only)}?${query}`;
    return `/api/history?${new URLSearchParams({ series: keys.join(',') }).toString()}&${query}`;
  }

  /** Deletes for good; without a window, all of it. */
  async remove(key: string, window: Window | null): Promise<void> {
    const query = window === null ? '' : `?${queryOf(window)}`;
    await this.api.send('DELETE', `${historyPath(key)}${query}`);
  }

  policy(key: string): Promise<Policy> {
    return this.api.json('GET', `${historyPath(key)}/policy`);
  }

  async setPolicy(key: string, policy: Policy): Promise<void> {
    await this.api.send('PUT', `${historyPath(key)}/policy`, policy as unknown as Json);
  }

  wear(): Promise<Wear> {
    return this.api.json('GET', '/api/history/wear');
  }
}

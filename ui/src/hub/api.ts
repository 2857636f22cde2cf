// The HTTP side of the public API. All addresses are relative, so that the page works behind any host,
// port or tunnel. Every failure leaves here as a `Problem` with a sentence for a person.
import { t } from '../strings';
import type { DeviceView, Health, Json, PropertyView } from '../model/types';

const TIMEOUT_MS = 10_000;

export class Problem extends Error {
  constructor(
    message: string,
    /** HTTP status, or 0 when no answer came. */
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
    this.name = 'Problem';
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface DevicePatch {
  name?: string | null;
  room?: string | null;
}

export class Api {
  constructor(readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {}

  async devices(): Promise<DeviceView[]> {
    const devices = await this.#json<unknown>('GET', '/api/devices');
    if (!Array.isArray(devices)) throw new Problem(t.error.shape, 200, 'shape');
    return devices as DeviceView[];
  }

  device(id: string): Promise<DeviceView> {
    return this.#json('GET', `/api/devices/${id}`);
  }

  patch(id: string, patch: DevicePatch): Promise<DeviceView> {
    return this.#json('PATCH', `/api/devices/${id}`, patch as Json);
  }

  async remove(id: string): Promise<void> {
    await this.#send('DELETE', `/api/devices/${id}`);
  }

  async removeDemo(): Promise<void> {
    await this.#send('DELETE', '/api/demo');
  }

  ask(device: string, property: string, value: Json): Promise<Partial<PropertyView>> {
    return this.#json('POST', `/api/devices/${device}/${property}/set`, value);
  }

  async report(device: string, property: string, value: Json): Promise<void> {
    await this.#send('PUT', `/api/devices/${device}/${property}`, value);
  }

  health(): Promise<Health> {
    return this.#json('GET', '/api/health');
  }

  async #json<T>(method: string, url: string, body?: Json): Promise<T> {
    const response = await this.#send(method, url, body);
    try {
      return (await response.json()) as T;
    } catch {
      throw new Problem(t.error.shape, response.status, 'shape');
    }
  }

  async #send(method: string, url: string, body?: Json): Promise<Response> {
    const init: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS), cache: 'no-store' };
    if (body !== undefined) {
      init.headers = { 'content-type': 'application/json' };
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await this.fetch(url, init);
    } catch (cause) {
      const late = cause instanceof DOMException && cause.name === 'TimeoutError';
      throw new Problem(late ? t.error.timeout : t.error.network, 0, late ? 'timeout' : 'network');
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

async function problemOf(response: Response): Promise<Problem> {
  let detail = t.error.status(response.status);
  let code = String(response.status);
  try {
    const body = (await response.json()) as { detail?: unknown; title?: unknown; code?: unknown };
    if (typeof body.detail === 'string' && body.detail !== '') detail = body.detail;
    else if (typeof body.title === 'string' && body.title !== '') detail = body.title;
    if (typeof body.code === 'string') code = body.code;
  } catch {
    // Not a problem document: the status has to do.
  }
  return new Problem(detail, response.status, code);
}

/** The sentence to show for anything thrown by the API. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

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
    /** The hub asks to wait this long before the next attempt. */
    readonly retryAfter_s: number | null = null,
    /** What else the problem document says. */
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'Problem';
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface DevicePatch {
  name?: string | null;
  room?: string | null;
  icon?: string | null;
  /** What is declared of them, by id. */
  properties?: Record<string, Json>;
}

/** A list comes in as many pages as the hub likes; more than this is no list but a mistake. */
const PAGES_MAX = 1_000;

export class Api {
  /** Told when a request was refused for who made it: 401 or 403. */
  onrefused: () => void = () => {};

  constructor(readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {}

  devices(): Promise<DeviceView[]> {
    return this.list('/api/devices');
  }

  device(id: string): Promise<DeviceView> {
    return this.json('GET', `/api/devices/${id}`);
  }

  patch(id: string, patch: DevicePatch): Promise<DeviceView> {
    return this.json('PATCH', `/api/devices/${id}`, patch as Json);
  }

  async remove(id: string): Promise<void> {
    await this.send('DELETE', `/api/devices/${id}`);
  }

  async removeDemo(): Promise<void> {
    await this.send('DELETE', '/api/demo');
  }

  ask(device: string, property: string, value: Json): Promise<Partial<PropertyView>> {
    return this.json('POST', `/api/devices/${device}/${property}/set`, value);
  }

  async report(device: string, property: string, value: Json): Promise<void> {
    await this.send('PUT', `/api/devices/${device}/${property}`, value);
  }

  health(): Promise<Health> {
    return this.json('GET', '/api/health');
  }

  /** A whole list, page by page as the hub links them. */
  async list<T>(url: string): Promise<T[]> {
    const all: T[] = [];
    let next: string | null = url;
    for (let page = 0; next !== null && page < PAGES_MAX; page += 1) {
      const response = await this.send('GET', next);
      const items = await bodyOf<unknown>(response);
      if (!Array.isArray(items)) throw new Problem(t.error.shape, response.status, 'shape');
      all.push(...(items as T[]));
      next = nextPage(response.headers.get('link'));
    }
    return all;
  }

  async json<T>(method: string, url: string, body?: Json): Promise<T> {
    return bodyOf(await this.send(method, url, body));
  }

  /** Bytes are sent as they are; anything else as JSON. */
  async send(
    method: string,
    url: string,
    body?: Json | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const init: RequestInit = {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: 'no-store',
      headers,
    };
    if (body instanceof Uint8Array) init.body = body;
    else if (body !== undefined) {
      init.headers = { ...headers, 'content-type': 'application/json' };
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await this.fetch(url, init);
    } catch (cause) {
      const late = cause instanceof DOMException && cause.name === 'TimeoutError';
      throw new Problem(late ? t.error.timeout : t.error.network, 0, late ? 'timeout' : 'network');
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401 || response.status === 403) this.onrefused();
    throw problem;
  }
}

async function bodyOf<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new Problem(t.error.shape, response.status, 'shape');
  }
}

/** RFC 8288: the target of `rel="next"`, of our own hub only. */
function nextPage(link: string | null): string | null {
  return /<(\/api\/[^>]*)>\s*;[^,]*\brel="?next\b/.exec(link ?? '')?.[1] ?? null;
}

async function problemOf(response: Response): Promise<Problem> {
  let detail = t.error.status(response.status);
  let code = String(response.status);
  let more: Record<string, unknown> = {};
  try {
    const body = (await response.json()) as { detail?: unknown; title?: unknown; code?: unknown };
    more = { ...body };
    if (typeof body.detail === 'string' && body.detail !== '') detail = body.detail;
    else if (typeof body.title === 'string' && body.title !== '') detail = body.title;
    if (typeof body.code === 'string') code = body.code;
  } catch {
    // Not a problem document: the status has to do.
  }
  return new Problem(detail, response.status, code, retryAfter(response.headers.get('retry-after')), more);
}

/** Whole seconds, or a date (RFC 9110 section 10.2.3). */
function retryAfter(text: string | null): number | null {
  if (text === null) return null;
  if (/^\d+$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

/** The sentence to show for anything thrown by the API. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

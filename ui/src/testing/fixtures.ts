// The one place where tests construct devices, sockets and clocks.
import type { SocketLike } from '../hub/socket';
import type { Session } from '../model/account';
import type { Timers } from '../model/throttle';
import type { DeviceView, Json, PropertyView } from '../model/types';

export function property(view: Partial<PropertyView> = {}): PropertyView {
  return {
    type: 'float',
    unit: null,
    min: null,
    max: null,
    step: null,
    options: null,
    access: ['read', 'set'],
    role: null,
    declared: true,
    value: null,
    target: null,
    time: null,
    via: null,
    ...view,
  };
}

export function device(view: Partial<DeviceView> = {}): DeviceView {
  return {
    id: 'lamp',
    name: view.id ?? 'lamp',
    room: null,
    model: null,
    icon: null,
    via: null,
    demo: false,
    online: true,
    rejected: { count: 0, last: null },
    properties: {},
    ...view,
  };
}

/** An admin called anna. */
export function session(view: Partial<Session> = {}): Session {
  return {
    signed_in: true,
    kind: 'person',
    name: 'anna',
    role: 'admin',
    administers: false,
    read: ['#'],
    write: ['#'],
    deny: [],
    needs_setup: false,
    guest: { policy: 'off', kept: false },
    secure: false,
    https: null,
    expires: null,
    ...view,
  };
}

/** A clock that moves only when told to. */
export class FakeTimers implements Timers {
  #now = 0;
  #next = 1;
  readonly #due = new Map<number, { at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  later(ms: number, run: () => void): () => void {
    const id = this.#next++;
    this.#due.set(id, { at: this.#now + ms, run });
    return () => void this.#due.delete(id);
  }

  /** Runs everything that falls due on the way, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [first] = [...this.#due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (first === undefined) break;
      this.#due.delete(first[0]);
      this.#now = Math.max(this.#now, first[1].at);
      first[1].run();
    }
    this.#now = end;
  }
}

export class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  // --- what the hub does ---

  open(): void {
    this.onopen?.();
  }

  frame(frame: Record<string, Json>): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  accept(): void {
    this.open();
    this.frame({ op: 'ok', id: 1 });
  }

  message(topic: string, payload: Json, more: { retain?: boolean; time?: string; via?: string } = {}): void {
    const { retain = false, time = new Date().toISOString(), via = 'mqtt' } = more;
    this.frame({ op: 'message', topic, payload, retain, time, via });
  }

  breakOff(): void {
    this.onclose?.();
  }
}

/** A hub's HTTP side in memory: answers by a table, remembers what it was asked. */
export class FakeHub {
  devices = new Map<string, DeviceView>();
  readonly requests: { method: string; url: string; body: Json | undefined }[] = [];
  /** Takes over one request when it returns an answer. */
  override: (method: string, url: string) => Response | Promise<Response> | undefined = () => undefined;

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const method = init.method ?? 'GET';
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Json) : undefined;
    this.requests.push({ method, url, body });
    const taken = this.override(method, url);
    if (taken !== undefined) return taken;
    if (url === '/api/devices') return Response.json([...this.devices.values()]);
    const [, id, name, verb] = /^\/api\/devices\/([^/]+)(?:\/([^/]+)(?:\/(set))?)?$/.exec(url) ?? [];
    const found = this.devices.get(id ?? '');
    if (found === undefined) return refusal(404, 'No device has this id.', 'not_found');
    if (verb === 'set') {
      const target = body ?? null;
      return Response.json({ value: found.properties[name ?? '']?.value ?? null, target }, { status: 202 });
    }
    if (method === 'DELETE') {
      this.devices.delete(found.id);
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') Object.assign(found, body);
    return Response.json(found);
  };

  asked(method: string): { url: string; body: Json | undefined }[] {
    return this.requests.filter((r) => r.method === method).map(({ url, body }) => ({ url, body }));
  }
}

export function refusal(status: number, detail: string, code: string): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title: 'Refused', status, detail, code }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });
}

/** Lets everything that waits for promises run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i += 1) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

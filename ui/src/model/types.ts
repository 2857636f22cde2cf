// The shapes of the public API, as the hub sends them. Nothing here is reactive and nothing here
// knows how it is drawn.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type PropertyType = 'bool' | 'int' | 'float' | 'enum' | 'string' | 'color' | 'json' | 'bytes';

export type Access = 'read' | 'set' | 'event';

/** What a property is, apart from what it says at the moment. */
export interface PropertyMeta {
  type: PropertyType;
  unit: string | null;
  min: number | null;
  max: number | null;
  step: number | null;
  options: string[] | null;
  access: Access[];
  role: string | null;
  /** Declared properties refuse what breaks their rules; inferred ones widen instead. */
  declared: boolean;
}

export interface PropertyView extends PropertyMeta {
  value: Json;
  target: Json;
  /** RFC 3339, or null when it never reported. */
  time: string | null;
  /** The door of the last report: mqtt, http, ws … */
  via: string | null;
}

export interface Rejection {
  property: string;
  value: Json;
  reason: string;
  time: string | null;
}

export interface Rejected {
  count: number;
  last: Rejection | null;
}

export interface DeviceView {
  id: string;
  name: string;
  room: string | null;
  model: string | null;
  icon: string | null;
  via: string | null;
  demo: boolean;
  online: boolean;
  rejected: Rejected;
  properties: Record<string, PropertyView>;
}

/** One message as it crosses the WebSocket. */
export interface MessageFrame<Payload = Json> {
  topic: string;
  payload: Payload;
  retain: boolean;
  time: string | null;
  via: string | null;
}

/** What the server writes on the WebSocket. */
export type ServerFrame<Payload = Json> =
  | ({ op: 'message' } & MessageFrame<Payload>)
  /** We did not keep up: so many messages were left out. */
  | { op: 'lost'; count: number }
  | { op: 'ok'; id: number }
  | { op: 'error'; id: number | null; code: string; message: string };

export interface Health {
  status: string;
  version: string;
  uptime_s: number;
}

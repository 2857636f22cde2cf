// What the page knows of the documents: operations of OpenAPI, channels of AsyncAPI, and the schemas of both, which
// are JSON Schema alike.
import type { Json } from '../model/types';

export type Kind = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

export interface Schema {
  $ref?: string;
  type?: Kind | Kind[];
  description?: string;
  format?: string;
  pattern?: string;
  enum?: Json[];
  default?: Json;
  examples?: Json[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  description?: string;
  required?: boolean;
  example?: Json;
  schema: Schema;
}

interface Media {
  schema?: Schema;
  example?: Json;
}

export interface Answer {
  status: string;
  description: string;
  headers: { name: string; description: string }[];
  types: { type: string; schema: Schema }[];
}

export interface Body {
  required: boolean;
  description?: string;
  types: { type: string; schema: Schema; example: Json | undefined }[];
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description?: string;
  parameters: Parameter[];
  body: Body | null;
  answers: Answer[];
  /** Anybody may ask, without a credential. */
  open: boolean;
  /** Opens a WebSocket, which `fetch` cannot. */
  upgrades: boolean;
}

export interface Group {
  name: string;
  description: string;
  operations: Operation[];
}

type Reference<T> = T | { $ref: string };

interface RawResponse {
  description: string;
  headers?: Record<string, { description?: string }>;
  content?: Record<string, Media>;
}

interface RawOperation {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Reference<Parameter>[];
  requestBody?: Reference<{ required?: boolean; description?: string; content: Record<string, Media> }>;
  responses: Record<string, Reference<RawResponse>>;
  security?: unknown[];
  /** Another operation is this one, too, and is shown. */
  'x-same-as'?: string;
}

export interface OpenApi {
  info: { description?: string; version: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, RawOperation>>;
  security?: unknown[];
}

/** What a reference leads to; anything else as it is. */
export function resolve<T>(document: unknown, value: Reference<T>): T {
  let found: unknown = value;
  for (let hops = 0; hops < 8 && isReference(found); hops += 1) {
    const steps = found.$ref.replace(/^#\//, '').split('/');
    found = steps.reduce<unknown>(
      (place, step) =>
        (place as Record<string, unknown> | undefined)?.[step.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );
  }
  return found as T;
}

function isReference(value: unknown): value is { $ref: string } {
  return (
    typeof value === 'object' && value !== null && typeof (value as { $ref?: unknown }).$ref === 'string'
  );
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** The operations by tag, in the order of the document's tags; of each path what reads comes first. */
export function groupsOf(document: OpenApi): Group[] {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const raw = item[method];
      return raw === undefined || raw['x-same-as'] !== undefined
        ? []
        : [operationOf(document, method, path, raw)];
    }),
  );
  return document.tags
    .map((tag) => ({ ...tag, operations: all.filter((operation) => operation.tag === tag.name) }))
    .filter((group) => group.operations.length > 0);
}

function operationOf(document: OpenApi, method: string, path: string, raw: RawOperation): Operation {
  const body = raw.requestBody === undefined ? null : resolve(document, raw.requestBody);
  return {
    id: raw.operationId,
    method: method.toUpperCase(),
    path,
    tag: raw.tags?.[0] ?? '',
    summary: raw.summary ?? path,
    description: raw.description,
    parameters: (raw.parameters ?? []).map((parameter) => resolve(document, parameter)),
    body:
      body === null
        ? null
        : {
            required: body.required ?? false,
            description: body.description,
            types: Object.entries(body.content).map(([type, media]) => ({
              type,
              schema: media.schema ?? {},
              example: media.example,
            })),
          },
    answers: Object.entries(raw.responses).map(([status, response]) => {
      const { description, headers = {}, content = {} } = resolve(document, response);
      return {
        status,
        description,
        headers: Object.entries(headers).map(([name, header]) => ({
          name,
          description: header.description ?? '',
        })),
        types: Object.entries(content).map(([type, media]) => ({ type, schema: media.schema ?? {} })),
      };
    }),
    open: JSON.stringify(raw.security) === '[{}]',
    upgrades: '101' in raw.responses,
  };
}

/** Something that the schema takes, to begin with. */
export function exampleOf(document: unknown, schema: Schema, depth = 0): Json {
  const found = resolve<Schema>(document, schema as Reference<Schema>) ?? {};
  const given = found.examples?.[0] ?? found.default ?? found.enum?.[0];
  if (given !== undefined || depth > 6) return given ?? null;
  const choice = (found.oneOf ?? found.anyOf)?.find((option) => option.type !== 'null');
  if (choice !== undefined) return exampleOf(document, choice, depth + 1);
  switch ([found.type].flat().find((kind) => kind !== 'null')) {
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return found.minimum ?? 0;
    case 'string':
      return found.format === 'date-time' ? '2026-11-22T09:00:00Z' : 'text';
    case 'array':
      return [exampleOf(document, found.items ?? {}, depth + 1)];
    case 'object':
      return Object.fromEntries(
        Object.entries(found.properties ?? {}).map(([name, field]) => [
          name,
          exampleOf(document, field, depth + 1),
        ]),
      );
    default:
      return null;
  }
}

/** The object whose fields are worth showing: the schema itself, or what is in a list, in a map, or one of several. */
export function insideOf(document: unknown, schema: Schema): Schema | null {
  const found = resolve<Schema>(document, schema as Reference<Schema>);
  if (found.properties !== undefined) return found;
  if (found.items !== undefined) return insideOf(document, found.items);
  if (typeof found.additionalProperties === 'object') return insideOf(document, found.additionalProperties);
  for (const option of found.oneOf ?? found.anyOf ?? []) {
    const inside = insideOf(document, option);
    if (inside !== null) return inside;
  }
  return null;
}

/** A schema in a few words: `string`, `list of Device`, `number or null`. */
export function nameOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  const options = schema.oneOf ?? schema.anyOf;
  if (options !== undefined) return unique(options.map(nameOf)).join(' or ');
  const kinds = [schema.type].flat().map((kind) => {
    if (kind === 'array') return `list of ${nameOf(schema.items ?? {})}`;
    if (kind === 'object' && typeof schema.additionalProperties === 'object')
      return `${nameOf(schema.additionalProperties)} by name`;
    return schema.format === 'date-time' && kind === 'string' ? 'time' : (kind ?? 'any');
  });
  return unique(kinds).join(' or ');
}

function unique(words: string[]): string[] {
  return [...new Set(words)];
}

/** Whether what is typed into the search means this operation. */
export function matches(operation: Operation, text: string): boolean {
  const hay = `${operation.method} ${operation.path} ${operation.summary} ${operation.id}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
}

export interface ChannelMessage {
  name: string;
  title: string;
  summary?: string;
  payload: Schema;
  example: Json | undefined;
  /** Of a request: the names of what may answer it. */
  answers: string[];
  direction: 'from' | 'to' | 'both';
}

export interface Channel {
  id: string;
  title: string;
  address: string;
  protocol: string;
  description: string;
  messages: ChannelMessage[];
}

interface RawMessage {
  name?: string;
  title?: string;
  summary?: string;
  payload: Schema;
  examples?: { payload: Json }[];
}

interface RawChannel {
  address: string;
  title?: string;
  description?: string;
  servers?: { $ref: string }[];
  messages: Record<string, Reference<RawMessage>>;
}

export interface AsyncApi {
  info: { description?: string };
  servers: Record<string, { protocol: string }>;
  channels: Record<string, RawChannel>;
  operations: Record<
    string,
    {
      action: 'send' | 'receive';
      channel: { $ref: string };
      messages: { $ref: string }[];
      reply?: { messages: { $ref: string }[] };
    }
  >;
}

/** The channels: what is on the one port first. */
export function channelsOf(document: AsyncApi): Channel[] {
  const operations = Object.values(document.operations);
  const ways = ['from', 'both', 'to'];
  const channels = Object.entries(document.channels).map(([id, raw]) => ({
    id,
    title: raw.title ?? id,
    address: raw.address,
    protocol:
      raw.servers?.map((server) => resolve<{ protocol: string }>(document, server).protocol).join(', ') ?? '',
    description: raw.description ?? '',
    messages: Object.entries(raw.messages).map(([name, reference]) => {
      const message = resolve(document, reference);
      const here = `#/channels/${id}/messages/${name}`;
      const about = operations.filter((operation) => operation.messages.some(({ $ref }) => $ref === here));
      const replies = operations.some((operation) =>
        operation.reply?.messages.some(({ $ref }) => $ref === here),
      );
      const comes = about.some(({ action }) => action === 'receive');
      const goes = replies || about.some(({ action }) => action === 'send');
      return {
        name,
        title: message.title ?? name,
        summary: message.summary,
        payload: message.payload,
        example: message.examples?.[0]?.payload,
        answers: about.flatMap(({ reply }) => reply?.messages.map(({ $ref }) => last($ref)) ?? []),
        direction: comes && goes ? ('both' as const) : comes ? ('from' as const) : ('to' as const),
      };
    }),
  }));
  for (const { messages } of channels)
    messages.sort((a, b) => ways.indexOf(a.direction) - ways.indexOf(b.direction));
  const order = ['ws', 'http'];
  const rank = (channel: Channel): number =>
    (order.indexOf(channel.protocol) + order.length + 1) % (order.length + 1);
  // What is more exactly addressed comes before what is not.
  const breadth = (channel: Channel): number => -channel.address.split('/').length;
  return channels.sort((a, b) => rank(a) - rank(b) || breadth(a) - breadth(b));
}

function last(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

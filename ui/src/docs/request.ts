// A request as somebody fills it in, and as it is written in the languages that people use.
import { quote } from '../model/reach';
import type { Json } from '../model/types';
import { exampleOf, resolve, type Operation, type Schema } from './model';

/** What is filled in; an empty text is left out. */
export interface Draft {
  parameters: Record<string, string>;
  body: string;
  bodyType: string;
}

export interface Request {
  method: string;
  /** With the hub's address in front. */
  url: string;
  headers: [name: string, value: string][];
  body: string | null;
}

export const LANGUAGES = ['curl', 'Python', 'JavaScript', 'Arduino'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What to begin with: everything that has to be there, with values that work. */
export function draftOf(document: unknown, operation: Operation): Draft {
  const parameters = operation.parameters.map((parameter) => {
    const given = parameter.example ?? (parameter.required ? exampleOf(document, parameter.schema) : '');
    return [parameter.name, textOf(Array.isArray(given) ? (given[0] ?? '') : given)] as const;
  });
  const body = operation.body?.types[0];
  return {
    parameters: Object.fromEntries(parameters),
    bodyType: body?.type ?? '',
    body: body === undefined ? '' : bodyOf(document, body.type, body.schema, body.example),
  };
}

/** A body of this type to begin with. */
export function bodyOf(document: unknown, type: string, schema: Schema, example?: Json): string {
  const value = example ?? exampleOf(document, resolve(document, schema as Schema));
  if (type === 'application/json') return JSON.stringify(value, null, 2);
  return typeof value === 'string' && value !== 'text' ? value : '80';
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Which parameters that have to be there are not; they have names. */
export function missingOf(operation: Operation, draft: Draft): string[] {
  const missing = operation.parameters.filter(
    ({ name, required }) => required && draft.parameters[name] === '',
  );
  return missing.map(({ name }) => name);
}

export function requestOf(origin: string, operation: Operation, draft: Draft): Request {
  const filled = operation.parameters.filter(({ name }) => (draft.parameters[name] ?? '') !== '');
  const value = (name: string): string => draft.parameters[name] ?? '';
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    // The levels of a topic are levels of the path.
    value(name)
      .split('/')
      .map(encodeURIComponent)
      .join(name === 'topic' ? '/' : '%2F'),
  );
  const query = filled.filter((parameter) => parameter.in === 'query');
  const pairs = query.map(({ name }) => `${encodeURIComponent(name)}=${encodeURIComponent(value(name))}`);
  const headers = filled.filter((parameter) => parameter.in === 'header');
  const body = operation.body !== null && draft.body !== '' ? draft.body : null;
  return {
    method: operation.method,
    url: `${origin}${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`,
    headers: [
      ...headers.map(({ name }): [string, string] => [name, value(name)]),
      ...(body === null ? [] : [['Content-Type', draft.bodyType] as [string, string]]),
    ],
    body: body === null ? null : compact(draft.bodyType, body),
  };
}

/** JSON on one line, if it is JSON. */
function compact(type: string, body: string): string {
  if (type !== 'application/json') return body;
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}

export function lineOf(language: Language, request: Request): string {
  switch (language) {
    case 'curl':
      return curl(request);
    case 'Python':
      return python(request);
    case 'JavaScript':
      return javascript(request);
    case 'Arduino':
      return arduino(request);
  }
}

function curl({ method, url, headers, body }: Request): string {
  const parts = [
    // Without -N curl would gather a stream.
    url.includes('/api/events') ? 'curl -N' : 'curl',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(body === null ? [] : [`${body.startsWith('@') ? '--data-raw' : '-d'} ${quote(body)}`]),
    quote(url),
  ];
  return parts.join(' ');
}

/** Python and JavaScript read JSON's strings, and so does C++ but for the rarest. */
const literal = (text: string): string => JSON.stringify(text);

function python({ method, url, headers, body }: Request): string {
  const named = headers.map(([name, value]) => `${literal(name)}: ${literal(value)}`);
  const more = [
    ...(named.length > 0 ? [`headers={${named.join(', ')}}`] : []),
    ...(body === null ? [] : [`data=${literal(body)}.encode()`]),
  ];
  const args = [literal(url), ...more].join(', ');
  return `import requests\n\nanswer = requests.${method.toLowerCase()}(${args})\nprint(answer.status_code, answer.text)`;
}

function javascript({ method, url, headers, body }: Request): string {
  const named = headers.map(([name, value]) => `${literal(name)}: ${literal(value)}`);
  const options = [
    ...(method === 'GET' ? [] : [`method: ${literal(method)}`]),
    ...(named.length > 0 ? [`headers: { ${named.join(', ')} }`] : []),
    ...(body === null ? [] : [`body: ${literal(body)}`]),
  ];
  const args = options.length > 0 ? `${literal(url)}, { ${options.join(', ')} }` : literal(url);
  return `const answer = await fetch(${args});\nconsole.log(answer.status, await answer.text());`;
}

function arduino({ method, url, headers, body }: Request): string {
  const lines = [
    '#include <HTTPClient.h>',
    '',
    'HTTPClient http;',
    `http.begin(${literal(url)});`,
    ...headers.map(([name, value]) => `http.addHeader(${literal(name)}, ${literal(value)});`),
    body === null
      ? `int status = http.sendRequest(${literal(method)});`
      : `int status = http.sendRequest(${literal(method)}, ${literal(body)});`,
    'Serial.println(status);',
    'Serial.println(http.getString());',
    'http.end();',
  ];
  return lines.join('\n');
}

import { describe, expect, it } from 'vitest';
import asyncapiJson from '../../../tests/golden/asyncapi.json';
import openapiJson from '../../../tests/golden/openapi.json';
import { channelsOf, exampleOf, groupsOf, matches, nameOf, type AsyncApi, type OpenApi } from './model';
import { LANGUAGES, draftOf, lineOf, missingOf, requestOf, withToken } from './request';

// What the hub really says: the golden files of its own tests.
const openapi = openapiJson as unknown as OpenApi;
const asyncapi = asyncapiJson as unknown as AsyncApi;
const operations = groupsOf(openapi).flatMap((group) => group.operations);
const origin = 'http://hub.local:8080';

function operation(id: string) {
  const found = operations.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

describe('the documents', () => {
  it('are shown whole', () => {
    const all = Object.values(openapi.paths).flatMap((item) => Object.values(item));
    const shown = all.filter((raw) => raw['x-same-as'] === undefined);
    expect(operations.map(({ id }) => id).sort()).toEqual(shown.map((raw) => raw.operationId).sort());
    expect(
      channelsOf(asyncapi)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(Object.keys(asyncapi.channels).sort());
  });

  it('have references that are followed', () => {
    const { answers } = operation('getDevice');
    expect(answers.find(({ status }) => status === '404')?.types[0]?.type).toBe('application/problem+json');
    expect(nameOf(answers.find(({ status }) => status === '200')!.types[0]!.schema)).toBe('Device');
  });

  it('say which way messages go', () => {
    const socket = channelsOf(asyncapi)[0]!;
    const ways = Object.fromEntries(socket.messages.map(({ name, direction }) => [name, direction]));
    expect(socket.id).toBe('socket');
    expect(ways).toMatchObject({
      subscribe: 'from',
      hello: 'from',
      message: 'to',
      ok: 'to',
      error: 'to',
      lost: 'to',
    });
    expect(socket.messages.find(({ name }) => name === 'get')?.answers).toEqual(['value', 'error']);
  });
});

describe('schemas', () => {
  it.each([
    [{ type: 'string' as const }, 'string'],
    [{ type: ['string' as const, 'null' as const] }, 'string or null'],
    [{ type: 'array' as const, items: { $ref: '#/components/schemas/Device' } }, 'list of Device'],
    [{ type: 'string' as const, format: 'date-time' }, 'time'],
    [{}, 'any'],
  ])('%j is called %s', (schema, name) => expect(nameOf(schema)).toBe(name));

  it('have examples', () => {
    expect(exampleOf({}, { type: 'object', properties: { a: { type: 'integer', minimum: 3 } } })).toEqual({
      a: 3,
    });
    expect(exampleOf({}, { oneOf: [{ type: 'null' }, { enum: ['x'] }] })).toBe('x');
  });
});

describe('a request', () => {
  it('can be sent as it stands, whatever the operation', () => {
    for (const each of operations) {
      const draft = draftOf(openapi, each);
      expect(missingOf(each, draft), each.id).toEqual([]);
      const request = requestOf(origin, each, draft);
      expect(request.url, each.id).not.toMatch(/[{}]|undefined/);
      for (const language of LANGUAGES) expect(lineOf(language, request)).toContain(request.url);
    }
  });

  it('has its parameters where they belong', () => {
    const get = operation('getProperty');
    const draft = draftOf(openapi, get);
    draft.parameters['wait'] = '30s';
    draft.parameters['If-None-Match'] = '"a"';
    expect(requestOf(origin, get, draft)).toEqual({
      method: 'GET',
      url: `${origin}/api/devices/lamp/level?wait=30s`,
      headers: [['If-None-Match', '"a"']],
      body: null,
    });
    draft.parameters['id'] = '';
    expect(missingOf(get, draft)).toEqual(['id']);
  });

  it('keeps the levels of a topic, and nothing else that a path would take apart', () => {
    const put = operation('putTopic');
    const draft = draftOf(openapi, put);
    draft.parameters['topic'] = 'a//b c/#?';
    expect(requestOf(origin, put, draft).url).toBe(`${origin}/api/topics/a//b%20c/%23%3F`);
    const client = operation('getClient');
    expect(requestOf(origin, client, { parameters: { id: 'a/b' }, body: '', bodyType: '' }).url).toBe(
      `${origin}/api/clients/a%2Fb`,
    );
  });

  it('is quoted for each language', () => {
    const request = {
      method: 'PUT',
      url: `${origin}/api/topics/a`,
      headers: [['Content-Type', 'text/plain'] as [string, string]],
      body: `it's "so"`,
    };
    expect(lineOf('curl', request)).toBe(
      `curl -X PUT -H 'Content-Type: text/plain' -d 'it'\\''s "so"' ${origin}/api/topics/a`,
    );
    expect(lineOf('curl', withToken(request))).toContain(`-H 'Authorization: Bearer TOKEN' -H 'Content-Type`);
    expect(lineOf('Python', request)).toContain(`data="it's \\"so\\"".encode()`);
    expect(lineOf('JavaScript', request)).toContain(`body: "it's \\"so\\""`);
    expect(lineOf('Arduino', request)).toContain(`http.sendRequest("PUT", "it's \\"so\\"")`);
  });
});

it('the search looks at method, path and words', () => {
  const found = (needle: string) => operations.filter((each) => matches(each, needle)).map(({ id }) => id);
  expect(found('delete dev')).toContain('deleteDevice');
  expect(found('delete dev')).not.toContain('getDevice');
  expect(found('delete demo house')).toEqual(['deleteDemo']);
  expect(operations.some((each) => matches(each, 'no such thing'))).toBe(false);
});

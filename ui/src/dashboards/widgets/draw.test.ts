// Each kind drawn by the server's side of Svelte, which needs no browser: whatever a source says, it is drawn without a
// fault, and what people or devices write stays text.
import { render } from 'svelte/server';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import Stage from '../../testing/WidgetStage.svelte';
import { FakeSource } from '../../testing/source.svelte';
import type { Json } from '../../model/types';
import type { LiveSource, Widget, WidgetProps } from '../types';
import { KINDS } from '.';

const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>\u202e';
const VALUES: Record<string, Json> = {
  nothing: null,
  'a number': 42.5,
  'no number': 'NaN',
  yes: true,
  words: 'right to left: שלום',
  markup: HOSTILE,
  'a megabyte': 'kilobytes '.repeat(100_000),
  'a list': [1, [2, { a: 3 }], null],
  'an object': { lat: 'x', line1: HOSTILE, r: 300, __proto__: null },
  bytes: { base64: 'aGVsbG8=' },
};
const STATES: LiveSource['state'][] = ['loading', 'live', 'stale', 'offline', 'missing', 'forbidden'];
const PHASES: LiveSource['phase'][] = [
  'idle',
  'sending',
  'pending',
  'confirmed',
  'sent',
  'refused',
  'unanswered',
];
const TYPES = [null, 'int', 'enum', 'color', 'json'];

async function draw(
  kind: string,
  sources: LiveSource[],
  options: Record<string, Json> = {},
  size: WidgetProps['size'] = { w: 4, h: 5, width: 300, height: 180 },
): Promise<string> {
  const found = KINDS.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(kind);
  const Drawn = (await found.load()).default;
  const widget: Widget = {
    id: 'a',
    kind,
    title: HOSTILE,
    at: { desktop: { x: 0, y: 0, w: 4, h: 5 }, phone: null },
    sources: sources.map(({ source }) => source),
    options,
  };
  const { body } = render(Stage, { props: { Drawn, given: { widget, sources, size, editing: false } } });
  return body;
}

const bareOf = (html: string): string => html.replace(/="[^"]*"/g, '=""');

/** Nothing of what was written became an element or an attribute. */
function isSafe(html: string): void {
  // Within quotes anything may stand; Svelte escapes the quotes themselves.
  const bare = bareOf(html);
  expect(bare).not.toMatch(/<script/i);
  expect(bare).not.toMatch(/<[^>]*alert/i);
}

// The first to fetch a kind waits for the compiler, which a busy machine does slowly.
const PATIENCE_MS = 120_000;
vi.setConfig({ testTimeout: PATIENCE_MS });
beforeAll(() => Promise.all(KINDS.map((kind) => kind.load())), PATIENCE_MS);

describe.each(KINDS.map(({ kind }) => kind))('%s', (kind) => {
  const spare = KINDS.find((one) => one.kind === kind)?.sources;
  const some = (make: () => FakeSource): FakeSource[] =>
    Array.from({ length: Math.min(3, Math.max(1, spare?.max ?? 1)) }, make);

  it.each(Object.keys(VALUES))('draws %s, whatever the type', async (name) => {
    for (const type of TYPES) {
      const value = VALUES[name] ?? null;
      isSafe(
        await draw(
          kind,
          some(() => new FakeSource({ type, value, name: HOSTILE, options: [HOSTILE, 'b'] })),
        ),
      );
    }
  });

  it('draws every state and every phase', async () => {
    const told = { type: 'int', value: 3, target: 4, reason: HOSTILE };
    for (const state of STATES)
      isSafe(
        await draw(
          kind,
          some(() => new FakeSource({ ...told, state })),
        ),
      );
    for (const phase of PHASES)
      isSafe(
        await draw(
          kind,
          some(() => new FakeSource({ ...told, phase })),
        ),
      );
  });

  it('draws without sources, without room, and with options of any kind', async () => {
    isSafe(await draw(kind, []));
    isSafe(
      await draw(
        kind,
        some(() => new FakeSource({ type: 'int', value: 3 })),
        {},
        { w: 1, h: 1, width: 0, height: 0 },
      ),
    );
    const keys = KINDS.find((one) => one.kind === kind)?.fields.map(({ key }) => key) ?? [];
    for (const odd of [null, HOSTILE, -1e300, [HOSTILE], { a: 1 }, true] as Json[]) {
      const options = Object.fromEntries(keys.map((key) => [key, odd]));
      isSafe(
        await draw(
          kind,
          some(() => new FakeSource({ type: 'float', value: 3, unit: HOSTILE })),
          options,
        ),
      );
    }
  });

  it('says what it is', () => {
    const found = KINDS.find((one) => one.kind === kind);
    expect(found?.about).not.toBe('');
    expect(found?.sources.min).toBeLessThanOrEqual(found?.sources.max ?? 0);
    expect(found?.size.minW).toBeLessThanOrEqual(found?.size.w ?? 0);
    expect(found?.size.minH).toBeLessThanOrEqual(found?.size.h ?? 0);
    for (const field of found?.fields ?? []) expect(field.label, field.key).toBeTruthy();
    expect(new Set(found?.fields.map(({ key }) => key)).size).toBe(found?.fields.length);
  });
});

describe('a control', () => {
  const one = (more: ConstructorParameters<typeof FakeSource>[0]) => [
    new FakeSource({ name: 'Lamp', ...more }),
  ];

  it('shows what is waited for, and what was said', async () => {
    const waiting = await draw('switch', one({ type: 'bool', value: false, target: true, phase: 'pending' }));
    expect(waiting).toContain('aria-checked="true"');
    expect(waiting).toMatch(/class="[^"]*pending/);
    const refused = await draw('switch', one({ type: 'bool', value: false, target: null, phase: 'refused' }));
    expect(refused).toContain('aria-checked="false"');
  });

  it('cannot be pressed by who may not', async () => {
    for (const kind of ['button', 'switch', 'number', 'text', 'timer'])
      expect(bareOf(await draw(kind, one({ type: 'int', value: 1, maySet: false }))), kind).toMatch(
        /<(button|input)[^>]*disabled/,
      );
    for (const kind of ['slider', 'stepper', 'joystick'])
      expect(await draw(kind, one({ type: 'int', value: 1, maySet: false })), kind).toContain(
        'aria-disabled="true"',
      );
  });

  it('says its value in words', async () => {
    const html = await draw('slider', one({ type: 'int', value: 62, unit: '%', min: 0, max: 100 }));
    expect(html).toContain('aria-valuenow="62"');
    expect(html).toContain('aria-valuetext="62\u202f%"');
  });
});

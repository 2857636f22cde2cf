import { describe, expect, test } from 'vitest';
import { property } from '../testing/fixtures';
import type { Json, PropertyType, PropertyView } from './types';
import { bytesOf, controlOf, fit, sameValue, snap, stepOf, type ControlKind } from './value';

describe('fit', () => {
  function check(type: PropertyType, payload: Json, value: Json, exact = true): void {
    expect(fit(type, payload), `${type} ${JSON.stringify(payload)}`).toEqual({ value, exact });
  }

  test('typed values pass', () => {
    check('bool', true, true);
    check('int', 5, 5);
    check('json', { a: 1 }, { a: 1 });
    check('color', '#ff8800', '#ff8800');
    check('bytes', { base64: 'AAE=' }, { base64: 'AAE=' });
  });

  test('text that happens to be JSON becomes text again', () => {
    check('string', 'hello', 'hello');
    check('string', true, 'true');
    check('string', 1.5, '1.5', false); // may have been 1.50
    check('enum', 2, '2', false);
    check('bytes', 'hé', { base64: 'aMOp' });
  });

  test('an empty text is never certain', () => check('string', '', '', false));
});

test('sameValue', () => {
  expect(sameValue('#FF8800', '#ff8800')).toBe(true);
  expect(sameValue('On', 'on')).toBe(false);
  expect(sameValue({ a: 1, b: [2, { c: 3 }] }, { b: [2, { c: 3 }], a: 1 })).toBe(true);
  expect(sameValue({ a: 1 }, { a: 2 })).toBe(false);
  expect(sameValue([1, 2], [2, 1])).toBe(false);
  expect(sameValue(null, false)).toBe(false);
});

test('bytesOf', () => {
  expect(bytesOf({ base64: 'AAEC' })).toEqual(new Uint8Array([0, 1, 2]));
  expect(bytesOf({ base64: '!' })).toBeNull();
  expect(bytesOf({ base64: 'AAEC', more: 1 })).toBeNull();
  expect(bytesOf('AAEC')).toBeNull();
});

describe('controlOf', () => {
  function check(view: Partial<PropertyView>, kind: ControlKind | null): void {
    expect(controlOf(property(view)), JSON.stringify(view)).toBe(kind);
  }

  test('by type', () => {
    check({ type: 'bool' }, 'toggle');
    check({ type: 'int', min: 0, max: 10 }, 'slider');
    check({ type: 'float', min: 0 }, 'stepper');
    check({ type: 'float', min: 5, max: 5 }, 'stepper');
    check({ type: 'color' }, 'color');
    check({ type: 'string' }, 'text');
    check({ type: 'json' }, 'json');
    check({ type: 'bytes' }, 'bytes');
  });

  test('by access', () => {
    check({ type: 'bool', access: ['read'] }, null);
    check({ type: 'string', access: ['event'] }, null);
    check({ type: 'string', access: ['set', 'event'] }, 'event');
    check({ type: 'bool', access: ['set'] }, 'toggle');
  });

  test('enums: few and short ones side by side', () => {
    check({ type: 'enum', options: ['a', 'b', 'c', 'd'] }, 'segmented');
    check({ type: 'enum', options: ['a', 'b', 'c', 'd', 'e'] }, 'select');
    check({ type: 'enum', options: ['a rather long option', 'another one'] }, 'select');
    check({ type: 'enum', options: [] }, 'text');
  });
});

test('steps', () => {
  expect(stepOf({ type: 'int', min: 0, max: 5, step: null })).toBe(1);
  expect(stepOf({ type: 'float', min: 0, max: 100, step: null })).toBe(1);
  expect(stepOf({ type: 'float', min: 0, max: 1, step: null })).toBe(0.01);
  expect(stepOf({ type: 'float', min: null, max: null, step: 0.5 })).toBe(0.5);
  expect(snap(0.30000000000000004, { type: 'float', min: 0, max: 1, step: 0.1 })).toBe(0.3);
  expect(snap(7.3, { type: 'float', min: 5, max: 30, step: 0.5 })).toBe(7.5);
  expect(snap(140, { type: 'int', min: 0, max: 100, step: null })).toBe(100);
});

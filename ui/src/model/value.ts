// Values: making a payload fit its property's type, comparing, and choosing how a value is asked for.
// How a value is written for a person lives in format.ts.
import type { Json, PropertyMeta, PropertyType } from './types';

/**
 * A payload that is valid JSON arrives decoded, whatever the property's type: a string property that
 * reported `1.50` arrives as the number 1.5. `exact` is false where the original text cannot be known
 * any more; the caller then asks the registry.
 */
export interface Fitted {
  value: Json;
  exact: boolean;
}

export function fit(type: PropertyType, payload: Json): Fitted {
  switch (type) {
    case 'string':
    case 'enum':
    case 'color':
      if (typeof payload === 'string') return { value: payload, exact: payload !== '' };
      return { value: textOf(payload), exact: typeof payload === 'boolean' || payload === null };
    case 'bytes':
      if (bytesOf(payload) !== null) return { value: payload, exact: true };
      return { value: { base64: toBase64(textOf(payload)) }, exact: typeof payload === 'string' };
    default:
      return { value: payload, exact: true };
  }
}

/** The text a payload has on the wire, as far as JSON lets us know it. */
export function textOf(payload: Json): string {
  return typeof payload === 'string' ? payload : JSON.stringify(payload);
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** The bytes of `{"base64": "…"}`, or null for anything else. */
export function bytesOf(payload: Json): Uint8Array | null {
  if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return null;
  const encoded = payload['base64'];
  if (typeof encoded !== 'string' || Object.keys(payload).length !== 1) return null;
  try {
    return Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

export function sameValue(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a === 'string' && typeof b === 'string' && a.startsWith('#')) {
    return a.toLowerCase() === b.toLowerCase();
  }
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  return canonical(a) === canonical(b);
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_key, inner: Json) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)));
  });
}

export type ControlKind =
  'toggle' | 'slider' | 'stepper' | 'segmented' | 'select' | 'color' | 'text' | 'json' | 'bytes' | 'event';

/** Up to this many options are shown side by side; more become a list to choose from. */
export const SEGMENTS_MAX = 4;
const SEGMENT_TEXT_MAX = 26;

/** The control that asks for a value of this property, or null when nobody may ask. */
export function controlOf(meta: PropertyMeta): ControlKind | null {
  if (!meta.access.includes('set')) return null;
  if (meta.access.includes('event')) return 'event';
  switch (meta.type) {
    case 'bool':
      return 'toggle';
    case 'int':
    case 'float':
      return meta.min !== null && meta.max !== null && meta.max > meta.min ? 'slider' : 'stepper';
    case 'enum': {
      const options = meta.options ?? [];
      if (options.length === 0) return 'text';
      const fits = options.join('').length <= SEGMENT_TEXT_MAX;
      return options.length <= SEGMENTS_MAX && fits ? 'segmented' : 'select';
    }
    case 'string':
      return 'text';
    case 'color':
    case 'json':
    case 'bytes':
      return meta.type;
  }
}

/** The step of a slider or stepper when the property does not say. */
export function stepOf(meta: Pick<PropertyMeta, 'type' | 'min' | 'max' | 'step'>): number {
  if (meta.step !== null && meta.step > 0) return meta.step;
  if (meta.type === 'int') return 1;
  if (meta.min === null || meta.max === null) return 1;
  const hundredth = (meta.max - meta.min) / 100;
  return hundredth > 0 ? 10 ** Math.floor(Math.log10(hundredth)) : 1;
}

/** Onto the grid of steps and into the range, without the noise of binary fractions. */
export function snap(value: number, meta: Pick<PropertyMeta, 'type' | 'min' | 'max' | 'step'>): number {
  const step = stepOf(meta);
  const base = meta.min ?? 0;
  let snapped = base + Math.round((value - base) / step) * step;
  if (meta.max !== null && snapped > meta.max) snapped = meta.max;
  if (meta.min !== null && snapped < meta.min) snapped = meta.min;
  return Number(snapped.toFixed(10));
}

// Short ways to write the fields of a widget's form.
import type { OptionField } from '../../types';
import { w } from '../../../strings.widgets';

type Of<K extends OptionField['kind']> = Extract<OptionField, { kind: K }>;
const helped = (help?: string): { help?: string } => (help === undefined ? {} : { help });

export const text = (key: string, label: string, fallback = '', help?: string): OptionField => ({
  key,
  label,
  kind: 'text',
  fallback,
  ...helped(help),
});

export const lines = (key: string, label: string, fallback = '', help?: string): OptionField => ({
  key,
  label,
  kind: 'multiline',
  fallback,
  ...helped(help),
});

export const number = (
  key: string,
  label: string,
  fallback: number | null = null,
  more: Pick<Of<'number'>, 'min' | 'max' | 'help'> = {},
): OptionField => ({ key, label, kind: 'number', fallback, ...more });

export const toggle = (key: string, label: string, fallback = false, help?: string): OptionField => ({
  key,
  label,
  kind: 'toggle',
  fallback,
  ...helped(help),
});

/** The first choice is the usual one. */
export const choice = (key: string, label: string, choices: Record<string, string>): OptionField => ({
  key,
  label,
  kind: 'choice',
  fallback: Object.keys(choices)[0] ?? '',
  choices: Object.entries(choices).map(([value, words]) => ({ value, text: words })),
});

export const color = (): OptionField => ({
  key: 'color',
  label: w.fields.color,
  kind: 'color',
  fallback: '',
});

export const list = (key: string, label: string, help?: string): OptionField => ({
  key,
  label,
  kind: 'list',
  fallback: [],
  ...helped(help),
});

export const nameOf = (kind: string): { kind: string; name: string; about: string } => {
  const [name, about] = w.kinds[kind] ?? [kind, ''];
  return { kind, name, about };
};

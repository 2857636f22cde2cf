// The kinds of widgets by name, and their code, fetched once when the first of a kind is shown.
import type { Component } from 'svelte';
import { LEAST, type Least } from '../model/layout';
import type { WidgetKind, WidgetProps } from '../types';
import { KINDS } from '../widgets';

const BY_NAME = new Map(KINDS.map((kind) => [kind.kind, kind]));
const loaded = new Map<string, Promise<Component<WidgetProps>>>();

export function kindOf(name: string): WidgetKind | undefined {
  return BY_NAME.get(name);
}

export function leastOf(name: string): Least {
  return BY_NAME.get(name)?.size ?? LEAST;
}

export function load(kind: WidgetKind): Promise<Component<WidgetProps>> {
  let promise = loaded.get(kind.kind);
  if (promise === undefined) {
    promise = kind.load().then((module) => module.default);
    // A failure is not kept: the next who asks fetches again.
    promise.catch(() => loaded.delete(kind.kind));
    loaded.set(kind.kind, promise);
  }
  return promise;
}

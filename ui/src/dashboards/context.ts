// What the parts of a board share: where values come from, and what is in view.
import { getContext, setContext } from 'svelte';
import type { Watch } from '../hub/watch.svelte';
import type { Eye } from './state/eye';

const WATCH = Symbol('watch');
const EYE = Symbol('eye');
const GATE = Symbol('gate');

/** Whether a widget is in view; a signal. */
type InView = { readonly open: boolean };
const ALWAYS: InView = { open: true };

export function provideWatch(watch: Watch): void {
  setContext(WATCH, watch);
}

export function useWatch(): Watch {
  return getContext<Watch>(WATCH);
}

export function provideEye(eye: Eye): void {
  setContext(EYE, eye);
}

export function useEye(): Eye {
  return getContext<Eye>(EYE);
}

export function provideGate(gate: InView): void {
  setContext(GATE, gate);
}

/** Of the widget that asks; outside of a frame it is always in view. */
export function useGate(): InView {
  return getContext<InView | undefined>(GATE) ?? ALWAYS;
}

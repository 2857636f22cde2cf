// A source of a widget that is made up: for the development page and for tests. Answers what is asked of it like a quick
// device, or refuses, or never answers.
import type { Json } from '../model/types';
import type { LiveSource, Source } from '../dashboards/types';

type Told = Partial<
  Pick<
    LiveSource,
    | 'name'
    | 'unit'
    | 'type'
    | 'role'
    | 'value'
    | 'target'
    | 'time'
    | 'min'
    | 'max'
    | 'step'
    | 'options'
    | 'state'
    | 'maySet'
    | 'phase'
    | 'reason'
  >
> & {
  property?: string;
  topic?: string;
  answers?: 'confirm' | 'refuse' | 'never';
};

type Heard = (message: { time: string; payload: Json; own: boolean }) => void;

export class FakeSource implements LiveSource {
  readonly source: Source;
  name = $state.raw('');
  unit: string | null = $state.raw(null);
  type: string | null = $state.raw(null);
  role: string | null = $state.raw(null);
  value: Json = $state.raw(null);
  target: Json = $state.raw(null);
  time: string | null = $state.raw(null);
  min: number | null = $state.raw(null);
  max: number | null = $state.raw(null);
  step: number | null = $state.raw(null);
  options: readonly string[] = $state.raw([]);
  state: LiveSource['state'] = $state.raw('live');
  maySet = $state.raw(true);
  phase: LiveSource['phase'] = $state.raw('idle');
  reason: string | null = $state.raw(null);
  /** Everything that was asked for. */
  readonly sent: Json[] = [];
  readonly answers: 'confirm' | 'refuse' | 'never';
  readonly #heard = new Set<Heard>();

  constructor(told: Told) {
    const { property = 'sample/value', topic, answers = 'confirm', ...fields } = told;
    this.source = topic === undefined ? { property } : { topic };
    this.answers = answers;
    this.time = new Date().toISOString();
    Object.assign(this, { name: property, ...fields });
  }

  set(value: Json): void {
    this.sent.push(value);
    this.phase = 'sending';
    this.target = value;
    if (this.answers === 'never') {
      this.phase = 'pending';
      return;
    }
    if (this.answers === 'refuse') {
      this.phase = 'refused';
      this.reason = 'The device did not take it.';
      this.target = null;
      return;
    }
    setTimeout(() => {
      this.phase = 'confirmed';
      this.target = null;
      this.hear(value, true);
    }, 300);
  }

  /** As if a message came. */
  hear(payload: Json, own = false): void {
    this.value = payload;
    this.time = new Date().toISOString();
    for (const heard of this.#heard) heard({ time: this.time, payload, own });
  }

  follow(heard: Heard): () => void {
    this.#heard.add(heard);
    return () => this.#heard.delete(heard);
  }
}
